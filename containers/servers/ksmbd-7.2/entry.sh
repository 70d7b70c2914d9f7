# Becomes the VM that was booted when the image was built, and gives it over its second serial line what it waits for: the
# configuration and the account's entry. Forgets the account.
set -eu

account=/countersign/account
{
    read -r user
    read -r password
} <"$account"
rm -f "$account"
hash=$(printf '%s' "$password" | iconv -t UTF-16LE | openssl dgst -provider legacy -provider default -md4 -binary | base64)
unset password

# The port is opened when the server listens: a connection that QEMU takes before the VM is restored is not answered for
# seconds, and a client that comes again meanwhile has waited for nothing.
mkfifo /run/said /run/monitor
exec 4<>/run/monitor
{ read -r line && echo "hostfwd_add n0 tcp::445-10.0.2.15:445" >&4; } </run/said &

# What QEMU takes from the line before the VM is restored is lost: the first line is there for that.
exec sh /machine.sh -incoming file:/vm/state -chardev stdio,id=console,signal=off \
    -chardev file,id=control,input-path=/dev/fd/3,path=/run/said \
    -chardev file,id=monitor,input-path=/dev/fd/4,path=/dev/null -monitor chardev:monitor 3<<END
countersign: lost
countersign: configuration
$(cat /countersign/ksmbd.conf)
countersign: end
$user:$hash
countersign: end
END
