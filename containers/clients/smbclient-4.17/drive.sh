# One case: smbclient does everything on one connection, and what was really done is told from its output.
set -u
umask 077

# In memory: an image's own file system is slow.
work=/dev/shm/$FILE
mkdir "$work"
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
printed=$(cat printed)
printf '%s\n' "$printed"
if [ "$status" = 124 ]; then
    echo "smbclient was ended after 27 seconds"
fi

line='
'
done=0
did() {
    echo "did: $1"
    done=$((done + 1))
}
# Each pattern is looked for at the start of a line, the last two anywhere.
case $line$printed in
*"${line}Current directory is "*)
    did mount
    case $line$printed in
    *"${line}putting file "*) did write ;;
    esac
    if cmp -s sent received; then
        did read
    fi
    # It ends with the status of the last command, and `del` prints nothing where it succeeds.
    case $status$printed in
    *" deleting remote file "* | *" listing "*) ;;
    0*) did delete ;;
    esac
    ;;
esac
[ "$done" = 4 ]
