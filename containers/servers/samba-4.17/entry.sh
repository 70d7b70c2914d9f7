# Creates the account named by the file that was copied in, forgets the file, and starts a server for each configuration.
set -eu

account=/countersign/account
{
    read -r user
    read -r password
} <"$account"
rm -f "$account"

# The first has the file that Samba's tools look at.
configuration() {
    [ "$1" = 1 ] && echo /etc/samba/smb.conf || echo "/etc/samba/$1.conf"
}

useradd --no-create-home --no-log-init --shell /usr/sbin/nologin "$user"
# Few processes for all servers: each costs as much as a tenth of a server.
directories= shares= guests=
for file in /countersign/servers/*; do
    n=${file##*/}
    shares="$shares /srv/$n/share"
    guests="$guests /srv/$n/guest"
    for directory in private state cache lock pid ncalrpc; do
        directories="$directories /srv/$n/smbd/$directory"
    done
done
mkdir -p $directories $shares $guests
chown "$user" $shares
chmod 0777 $guests
awk '
    FNR == 1 {
        n = FILENAME
        sub(".*/", "", n)
        file = n == 1 ? "/etc/samba/smb.conf" : "/etc/samba/" n ".conf"
        print "[global]\nsmb ports = " (444 + n) >file
    }
    { gsub("/@/", "/" n "/"); print >file }
' /countersign/servers/*
printf '%s\n%s\n' "$password" "$password" | smbpasswd -s -a "$user" >/dev/null
unset password
# Each has a copy of the accounts: the directory they are in is also where the processes of one server send each other messages.
for file in /countersign/servers/*; do
    n=${file##*/}
    [ "$n" = 1 ] || cp /srv/1/smbd/private/*.tdb "/srv/$n/smbd/private/"
done

for file in /countersign/servers/*; do
    n=${file##*/}
    {
        smbd -F --no-process-group --debug-stdout --configfile="$(configuration "$n")" ||
            echo "smbd with the configuration $n ended with status $?"
    } &
done
wait
