#!/bin/sh
# Writes the root file system of a small Debian to standard output, as a tar archive. Needs root.
#
#   debootstrap.sh SUITE | docker import - IMAGE:TAG
#
# Where debootstrap is not installed it is fetched with apt and used from a temporary directory.
set -eu

suite=${1:?"usage: debootstrap.sh SUITE | docker import - IMAGE:TAG"}
if [ "$(id -u)" != 0 ]; then
    echo "making a base image needs root: run this once as root" >&2
    exit 1
fi

work=$(mktemp -d)
# debootstrap may leave its /proc mounted when it is interrupted: never delete into another file system.
trap 'umount "$work/root/proc" 2>/dev/null || :; rm -rf --one-file-system "$work"' EXIT
trap 'exit 1' HUP INT TERM

# Only the archive goes to standard output.
exec 3>&1 1>&2

if ! command -v debootstrap >/dev/null; then
    if ! command -v apt-get >/dev/null; then
        echo "neither debootstrap nor apt-get is here: install debootstrap" >&2
        exit 1
    fi
    echo "fetching debootstrap"
    mkdir "$work/deb"
    (
        cd "$work/deb"
        # The package lists may be missing or too old to name a file that still exists.
        apt-get download debootstrap || { apt-get update && apt-get download debootstrap; }
    )
    dpkg-deb -x "$work"/deb/debootstrap_*.deb "$work/tool"
    export DEBOOTSTRAP_DIR="$work/tool/usr/share/debootstrap"
    PATH="$work/tool/usr/sbin:$PATH"
fi

# The mirror and the proxy apt itself uses; debootstrap has its own default mirror.
mirror=
if command -v apt-get >/dev/null; then
    mirror=$(apt-get indextargets --format '$(CREATED_BY) $(ORIGIN) $(LABEL) $(REPO_URI)' 2>/dev/null |
        sed -n 's/^Packages Debian Debian \(https\{0,1\}:.*\)$/\1/p' | head -n 1)
    eval "$(apt-config shell proxy Acquire::http::Proxy)"
    if [ -n "${proxy:-}" ]; then
        export http_proxy="$proxy"
    fi
fi

debootstrap --variant=minbase "$suite" "$work/root" ${mirror:+"$mirror"}

# A machine behind a proxy that answers in everybody's name trusts authorities of its own: what is fetched in the image has to
# trust them too. They count once a Dockerfile installs ca-certificates.
local_cas=/usr/local/share/ca-certificates
if [ -d "$local_cas" ]; then
    mkdir -p "$work/root$local_cas"
    cp -RL "$local_cas/." "$work/root$local_cas"
fi

# As in Debian's own image: no waiting for the disk, no services started, no caches, documentation or translations kept.
root=$work/root
echo force-unsafe-io >"$root/etc/dpkg/dpkg.cfg.d/container"
printf '%s\n' 'path-exclude /usr/share/doc/*' 'path-exclude /usr/share/man/*' 'path-exclude /usr/share/info/*' \
    'path-exclude /usr/share/locale/*' >>"$root/etc/dpkg/dpkg.cfg.d/container"
printf '%s\n' 'Acquire::Languages "none";' 'Dir::Cache::pkgcache "";' 'Dir::Cache::srcpkgcache "";' \
    >"$root/etc/apt/apt.conf.d/container"
# Where apt is told here that a mirror may be behind its time, the image's apt stands before the same mirror.
if command -v apt-config >/dev/null; then
    for option in Acquire::Check-Valid-Until Acquire::Check-Date; do
        eval "$(apt-config shell value "$option")"
        [ -z "${value:-}" ] || printf '%s "%s";\n' "$option" "$value" >>"$root/etc/apt/apt.conf.d/container"
        value=
    done
fi
printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
chmod 755 "$root/usr/sbin/policy-rc.d"

tar -C "$root" --numeric-owner --one-file-system \
    --exclude './dev/*' --exclude './proc/*' --exclude './sys/*' --exclude './var/cache/apt/*.bin' \
    --exclude './var/cache/apt/archives/*.deb' --exclude './var/lib/apt/lists/*_*' --exclude './var/log/*.log' --exclude './usr/share/doc/*' \
    --exclude './usr/share/man/*' --exclude './usr/share/info/*' --exclude './usr/share/locale/*' -c . >&3
