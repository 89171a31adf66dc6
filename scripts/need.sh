# Installs what the tests need and the machine lacks, by apt-get and npm. It is
# sourced from the repository's root, since it may put a newer Node on the path.

apt_missing=()
need() { command -v "$1" >/dev/null || apt_missing+=("$2"); }
need chromium chromium
need aws awscli
need gcc gcc
need systemd-analyze systemd
need strace strace
need npm npm
[ -e /usr/lib/python3/dist-packages/boto3 ] || apt_missing+=(python3-boto3)
[ -e /etc/ssl/certs/ca-certificates.crt ] || apt_missing+=(ca-certificates)
compgen -G '/usr/lib/*-linux-gnu/libcrypto.so.3' >/dev/null || apt_missing+=(openssl)
compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || apt_missing+=(postgresql)
[ -x /usr/sbin/exim4 ] || apt_missing+=(exim4-daemon-light)
[ -e /usr/include/stdio.h ] || apt_missing+=(libc6-dev) # for go test -race

if [ ${#apt_missing[@]} -gt 0 ]; then
  echo "Installing ${apt_missing[*]}"
  as_root=()
  [ "$(id -u)" = 0 ] || as_root=(sudo)
  "${as_root[@]}" apt-get update -qq
  # The tests run clusters of their own; Debian's package would start one more.
  if [[ " ${apt_missing[*]} " == *' postgresql '* && ! -e /etc/postgresql-common/createcluster.conf ]]; then
    "${as_root[@]}" mkdir -p /etc/postgresql-common
    echo 'create_main_cluster = false' | "${as_root[@]}" tee /etc/postgresql-common/createcluster.conf >/dev/null
  fi
  # As they run mail servers of their own.
  if [[ " ${apt_missing[*]} " == *' exim4-daemon-light '* && ! -e /etc/systemd/system/exim4.service ]]; then
    "${as_root[@]}" mkdir -p /etc/systemd/system
    "${as_root[@]}" ln -s /dev/null /etc/systemd/system/exim4.service
  fi
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -qq --no-install-recommends "${apt_missing[@]}" >/dev/null
fi

# Debian 12's own Node is older than what builds the page.
node_is_new() {
  node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 20 || (a === 20 && b >= 19) ? 0 : 1)'
}
if ! node_is_new; then
  [ -x .cache/node_modules/node/bin/node ] ||
    npm install --no-save --no-audit --no-fund --loglevel=error --prefix .cache node@22.23.3
  PATH=$PWD/.cache/node_modules/node/bin:$PATH
fi

# npm ci only where the last one was of another lock file.
for folder in web/demo e2e examples/amplify-v5 tools/dynalite deploy/lambda/cdk; do
  stamp=$folder/node_modules/.installed
  if ! cmp -s "$folder/package-lock.json" "$stamp"; then
    (cd "$folder" && npm ci --no-audit --no-fund --loglevel=error)
    cp "$folder/package-lock.json" "$stamp"
  fi
done
