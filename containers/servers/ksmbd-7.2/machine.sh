# The machine: the build boots it and the start restores it, and a state fits no other than the one it was taken of. What it
# emulates, the processor too, is the same on every host.
#
# erms, fsrm: without them Linux copies eight bytes at a time, and not one by one as QEMU emulates that instruction. hpet: a
# timer that goes on ticking for nobody.
#
# vmgenid: tells the kernel that it was restored, with an id that no other start has.
exec qemu-system-x86_64 -M q35,hpet=off -accel tcg,thread=multi -cpu max,-erms,-fsrm -m 256 -smp 1 -nodefaults -no-reboot -display none \
    -serial chardev:console -serial chardev:control -device vmgenid,guid=auto \
    -netdev user,id=n0,restrict=on -device virtio-net-pci,netdev=n0,romfile= "$@"
