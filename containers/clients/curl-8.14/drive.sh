# One case: curl writes and reads. It has no way to delete over SMB.
set -u
umask 077

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

{
    read -r user
    read -r domain
    read -r password
} <"$LOGIN"
# Without a name it does not log on at all: whom the server does not know is a guest there.
if [ -z "$user" ]; then
    user=guest
fi
login=$(printf '%s' "${domain:+$domain/}$user:$password" | sed 's/[\\"]/\\&/g')
unset password

echo "countersign was here: a file that is written, read and deleted" >sent
# `fail-early`: what could not be written is not read.
cat >config <<END
silent
show-error
fail-early
url = "smb://$SERVER/$SHARE/$FILE"
user = "$login"
max-time = 8
upload-file = "sent"
write-out = "%output{wrote}%{exitcode}"
next
silent
show-error
url = "smb://$SERVER/$SHARE/$FILE"
user = "$login"
max-time = 8
output = "received"
END
unset login
curl --disable --config config

done=0
did() {
    echo "did: $1"
    done=$((done + 1))
}
# It does not say that the share is connected: what was written or read shows it.
wrote=$(cat wrote 2>/dev/null)
if [ "$wrote" = 0 ]; then
    did mount
    did write
    if cmp -s sent received; then
        did read
    fi
fi
echo "cannot: delete"
[ "$done" = 3 ]
