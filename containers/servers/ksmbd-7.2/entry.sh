# Makes the account's entry and the configuration into the second part of the initramfs, forgets the account, and becomes
# the VM.
set -eu

account=/countersign/account
{
    read -r user
    read -r password
} <"$account"
rm -f "$account"

mkdir -p /run/vm/etc/ksmbd
chmod 755 /run/vm /run/vm/etc /run/vm/etc/ksmbd
cp /countersign/ksmbd.conf /run/vm/etc/ksmbd/ksmbd.conf
hash=$(printf '%s' "$password" | iconv -t UTF-16LE | openssl dgst -provider legacy -provider default -md4 -binary | base64)
unset password
printf '%s:%s\n' "$user" "$hash" >/run/vm/etc/ksmbd/ksmbdpwd.db
unset hash
{
    cat /vm/initramfs
    (cd /run/vm && find . | cpio -o -H newc --quiet)
} >/run/initramfs
rm -rf /run/vm

# no_timer_check: on a busy machine the emulated timer can be late for the kernel's test of it, and the boot ends there.
exec qemu-system-x86_64 -M q35 -accel tcg,thread=multi -cpu max -m 256 -smp 1 -nodefaults -no-reboot -display none \
    -chardev stdio,id=console,signal=off -serial chardev:console -kernel /vm/kernel -initrd /run/initramfs \
    -append "console=ttyS0 quiet panic=-1 mitigations=off tsc=unstable nokaslr random.trust_cpu=on no_timer_check" \
    -netdev user,id=n0,restrict=on,hostfwd=tcp::445-10.0.2.15:445 -device virtio-net-pci,netdev=n0,romfile=
