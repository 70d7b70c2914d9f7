# Puts into /vm what the VM starts from: the kernel, and an initramfs with ksmbd, what it depends on, ksmbd.mountd and busybox.
# The kernel's packages were downloaded and are unpacked here, not installed.
set -eu

for package in /var/cache/apt/archives/linux-*.deb; do
    dpkg-deb -x "$package" /build/kernel
done
# Newer packages have the modules in /usr/lib alone, and the kernel beside them.
[ -d /build/kernel/lib/modules ] || { mkdir -p /build/kernel/lib && ln -s ../usr/lib/modules /build/kernel/lib/modules; }
release=$(basename /build/kernel/lib/modules/*)
image=/build/kernel/boot/vmlinuz-$release
[ -e "$image" ] || image=/build/kernel/lib/modules/$release/vmlinuz
depmod -b /build/kernel "$release"

root=/build/root
modules=$root/lib/modules/$release
mkdir -p "$root/bin" "$root/sbin" "$root/etc/ksmbd" "$root/run" "$root/proc" "$root/sys" "$root/dev" "$root/tmp" "$modules" /vm

# What is compiled in, or not there in this version, has no file.
for module in virtio_pci virtio_net ksmbd nls_utf8 nls_ucs2_utils gcm ccm cmac hmac md5 ecb ctr sha256 sha256_generic sha512 \
    sha512_generic aes_generic aesni-intel crc32_generic; do
    modprobe -d /build/kernel -S "$release" --show-depends "$module" 2>/dev/null | sed -n 's/^insmod \([^ ]*\).*/\1/p'
done | sort -u | while read -r file; do
    name=$(basename "$file")
    case $name in
    *.xz) xz -dc "$file" >"$modules/${name%.xz}" ;;
    *.zst) zstd -qdc "$file" >"$modules/${name%.zst}" ;;
    *) cp "$file" "$modules/$name" ;;
    esac
done
cp /build/kernel/lib/modules/"$release"/modules.builtin /build/kernel/lib/modules/"$release"/modules.order "$modules"/
depmod -b "$root" "$release"

cp /bin/busybox "$root/bin/busybox"
ln -s busybox "$root/bin/sh"
ln -s ../bin/busybox "$root/sbin/modprobe"
mountd=$(command -v ksmbd.mountd)
cp -L "$mountd" "$root/sbin/ksmbd.mountd"
ldd "$mountd" | sed -n 's/^[^/]*\(\/[^ ]*\).*/\1/p' | while read -r library; do
    mkdir -p "$root$(dirname "$library")"
    cp -L "$library" "$root$library"
done
printf 'root:x:0:0::/:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\n' >"$root/etc/passwd"
printf 'root:x:0:\nnogroup:x:65534:\n' >"$root/etc/group"
cp /build/init "$root/init"
chmod 755 "$root/init"

cp "$image" /vm/kernel
(cd "$root" && find . | cpio -o -H newc --quiet) | gzip -1 >/vm/initramfs

# What the version command says.
package=$(dpkg-deb -f "$(find /var/cache/apt/archives -name "linux-image-$release*.deb" | head -n 1)" Version)
echo "${package%%[-+]*} (kernel $package, ksmbd-tools $(dpkg-query -W -f '${Version}' ksmbd-tools))" >/vm/version
