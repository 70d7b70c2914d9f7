# Boots the machine and keeps its state in /vm/state: from there on it is the same for every start.
set -eu

mkfifo /vm/monitor
# no_timer_check: on a busy machine the emulated timer can be late for the kernel's test of it, and the boot ends there.
timeout -k 10 240 sh /machine.sh -chardev file,id=console,path=/vm/console -chardev null,id=control -monitor stdio \
    -kernel /vm/kernel -initrd /vm/initramfs \
    -append "console=ttyS0 quiet panic=-1 mitigations=off tsc=unstable nokaslr random.trust_cpu=on no_timer_check" \
    </vm/monitor >/vm/said 2>&1 &
machine=$!
exec 3>/vm/monitor

until grep -q '^countersign: booted' /vm/console 2>/dev/null; do
    if ! kill -0 "$machine" 2>/dev/null; then
        echo "The machine did not come up in 240 seconds, or ended before. It said:"
        cat /vm/said /vm/console
        exit 1
    fi
    sleep 0.2
done
# The machine is not stopped first: a state that is taken of a stopped one is restored as a stopped one.
printf '%s\n' "migrate file:/vm/state" "info migrate" quit >&3
wait "$machine" || true
if ! grep -q 'tatus:.*completed' /vm/said; then
    echo "The state of the machine was not kept. The monitor and the console said:"
    cat /vm/said /vm/console
    exit 1
fi
