# One case: hands it to the VM as a job, and prints what comes back.
set -u
umask 077

work=$(mktemp -d)
socat=
trap 'kill -KILL $socat 2>/dev/null; rm -rf "$work"' EXIT
cd "$work"
mkfifo answer jobs
{
    read -r user
    read -r domain
    read -r password
} <"$LOGIN"
# A byte is lost now and then on the way into the VM, which says `again` where the sum is not that of what came.
sum=$(printf '%s\n' "$SLOT" "$SHARE" "$FILE" "$SIGNING" "$user" "$domain" "$password" | md5sum)
printf '%s\n' job "$SLOT" "$SHARE" "$FILE" "$SIGNING" "$user" "$domain" "$password" "${sum%% *}" >job
unset password
# It stays after the job is sent, for the answer: qemu would take the end of what is sent for the end of the connection.
socat -t 60 - UNIX-CONNECT:/run/vm/jobs,shut-none <jobs >answer &
socat=$!
exec 4>jobs
cat job >&4
status=1
begun=
while read -r line; do
    case $line in
    "begin $FILE") begun=yes ;;
    again) [ -n "$begun" ] || cat job >&4 ;;
    "end $FILE "*)
        status=${line##* }
        break
        ;;
    # What comes before is of a case that was ended.
    *) [ -z "$begun" ] || printf '%s\n' "$line" ;;
    esac
done <answer
rm -f job
exit "$status"
