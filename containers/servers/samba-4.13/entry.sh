# Creates the account named by the file that was copied in, forgets the file, and becomes the server.
set -eu

account=/countersign/account
{
    read -r user
    read -r password
} <"$account"
rm -f "$account"

useradd --no-create-home --no-log-init --shell /usr/sbin/nologin "$user"
chown "$user" /srv/share
printf '%s\n%s\n' "$password" "$password" | smbpasswd -s -a "$user" >/dev/null
unset password

exec smbd -F --no-process-group --log-stdout
