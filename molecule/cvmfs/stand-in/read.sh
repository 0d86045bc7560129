# shellcheck shell=sh disable=SC2154
# NOT CernVM-FS. To be sourced, with the name of a repository in $repository and the directory of the configuration in $etc.
# The files of the client in its order, and what it does with them, as far as the role has to do with it. Says what is wrong and ends.
domain=${repository#*.}
for file in "$etc"/default.conf "$etc"/default.d/*.conf "$etc"/default.local "$etc/domain.d/$domain.conf" "$etc/domain.d/$domain.local" \
  "$etc/config.d/$repository.conf" "$etc/config.d/$repository.local"; do
  [ ! -f "$file" ] || . "$file"
done
die() { echo "$repository: $*" >&2; exit 1; }
[ -n "${CVMFS_HTTP_PROXY-}" ] || die "CVMFS_HTTP_PROXY required"
[ "$CVMFS_QUOTA_LIMIT" -gt 0 ] || die "no quota"
keys=$dist$CVMFS_KEYS_DIR
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fetched=
for proxy in $(echo "$CVMFS_HTTP_PROXY" | tr '|;' '  '); do
  for server in $(echo "$CVMFS_SERVER_URL" | sed "s/@fqrn@/$repository/g" | tr ';' ' '); do
    [ "$proxy" != DIRECT ] || proxy=
    curl --silent --fail --max-time 5 --proxy "$proxy" --output "$work/published" "$server/.cvmfspublished" || continue
    curl --silent --fail --max-time 5 --proxy "$proxy" --output "$work/signature" "$server/.signature" || continue
    fetched=1
    break 2
  done
done
[ -n "$fetched" ] || die "no server answers through any proxy"
verified=
for key in "$keys"/*.pub; do
  ! openssl dgst -sha256 -verify "$key" -signature "$work/signature" "$work/published" >/dev/null 2>&1 || verified=1
done
[ -n "$verified" ] || die "the signature is not by any key in $keys"
