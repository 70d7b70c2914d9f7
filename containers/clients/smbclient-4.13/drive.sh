# One case: smbclient does everything on one connection, and what was really done is told from its output.
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
if [ -n "$user" ]; then
    printf 'username = %s\npassword = %s\ndomain = %s\n' "$user" "$password" "$domain" >authentication
    set -- -A authentication
else
    set -- -N
fi
unset password

# SIGNING is an option as it stands in client.toml.
if [ -n "$SIGNING" ]; then
    set -- "$@" "$SIGNING"
fi

echo "countersign was here: a file that is written, read and deleted" >sent
# `pwd` asks the server nothing: that it is carried out shows that the share is connected. It waits 20 seconds for an answer.
timeout 27 stdbuf -oL smbclient "$@" "//$SERVER/$SHARE" -c "pwd; put sent $FILE; get $FILE received; del $FILE" >printed 2>&1
status=$?
cat printed
if [ "$status" = 124 ]; then
    echo "smbclient was ended after 27 seconds"
fi

done=0
did() {
    echo "did: $1"
    done=$((done + 1))
}
if grep -q '^Current directory is ' printed; then
    did mount
    if grep -q '^putting file ' printed; then
        did write
    fi
    if cmp -s sent received; then
        did read
    fi
    # It ends with the status of the last command, and `del` prints nothing where it succeeds.
    if [ "$status" = 0 ] && ! grep -qE ' (deleting remote file|listing) ' printed; then
        did delete
    fi
fi
[ "$done" = 4 ]
