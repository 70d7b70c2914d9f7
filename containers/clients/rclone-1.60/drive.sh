# One case: rclone connects anew for each thing it does.
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
{
    printf '[server]\ntype = smb\nhost = %s\n' "$SERVER"
    # Without a name it takes that of whoever runs it; whom the server does not know is a guest there.
    printf 'user = %s\n' "${user:-guest}"
    if [ -n "$domain" ]; then
        printf 'domain = %s\n' "$domain"
    fi
    if [ -n "$password" ]; then
        printf 'pass = %s\n' "$(printf '%s' "$password" | rclone --config /dev/null obscure -)"
    fi
} >config
unset password
export RCLONE_CONFIG="$work/config"
# It would try three times, each ten times over.
export RCLONE_RETRIES=1 RCLONE_LOW_LEVEL_RETRIES=1 RCLONE_CONTIMEOUT=5s RCLONE_TIMEOUT=5s

# What it does within so many seconds; it says nothing where it is ended.
run() {
    seconds=$1
    shift
    timeout "$seconds" rclone "$@"
    set -- "$?"
    [ "$1" != 124 ] || echo "rclone was ended after $seconds seconds"
    return "$1"
}

echo "countersign was here: a file that is written, read and deleted" >sent
run 8 copyto sent "server:$SHARE/$FILE" >printed 2>&1
status=$?
cat printed
# It does not say that the share is connected: what was written shows it, or that something else failed than the connection.
if [ "$status" = 0 ] || grep -qE ': (stat|open|mkdir|write|close) ' printed; then
    echo "did: mount"
fi
[ "$status" = 0 ] || exit 1
echo "did: write"
run 5 copyto "server:$SHARE/$FILE" received || exit 1
cmp -s sent received || exit 1
echo "did: read"
run 5 deletefile "server:$SHARE/$FILE" || exit 1
echo "did: delete"
