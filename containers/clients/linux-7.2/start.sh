# Boots the VM, once for all cases, and says when it takes jobs. What the client connects to is forwarded to the slot:
# what socat had to say of it would be in the client's stream.
set -eu

rm -f /countersign/ready
mkdir -p -m 700 /run/vm
# no_timer_check: on a busy machine the emulated timer can be late for the kernel's test of it, and the boot ends there.
qemu-system-x86_64 -M q35 -accel tcg,thread=multi -cpu max -m 192 -smp 1 -nodefaults -no-reboot -display none \
    -chardev stdio,id=console,signal=off -serial chardev:console \
    -chardev socket,id=jobs,path=/run/vm/jobs,server=on,wait=off -serial chardev:jobs \
    -kernel /vm/kernel -initrd /vm/initramfs \
    -append "console=ttyS0 quiet panic=-1 mitigations=off tsc=unstable nokaslr random.trust_cpu=on no_timer_check" \
    -netdev "user,id=n0,restrict=on,guestfwd=tcp:10.0.2.101:445-cmd:socat -lf /dev/null STDIO UNIX-CONNECT:/countersign/slots/1.sock" \
    -device virtio-net-pci,netdev=n0,romfile= </dev/null | while read -r line; do
    printf '%s\n' "$line"
    case $line in
    *"countersign: ready"*) : >/countersign/ready ;;
    esac
done
