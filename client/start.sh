#!/bin/sh
# Writes the parts of NGINX's configuration that depend on the settings and the container's network, then starts NGINX.
set -eu

folder=/tmp/nginx
mkdir -p "$folder"

# Prints the error in the same form as the server does for its settings.
refuse() {
  echo "$1=\"$2\": expected $3" >&2
  exit 1
}

# NGINX itself parses the address or network. Names are refused first, because NGINX would look them up.
is_network() {
  case $1 in '' | *[!0-9A-Fa-f.:/]*) return 1 ;; esac
  {
    echo "pid $folder/test.pid; events {} http { geo \$address { $1 1; }"
    for kind in client_body proxy fastcgi uwsgi scgi; do echo "${kind}_temp_path $folder/test;"; done
    echo '}'
  } >"$folder/test.conf"
  nginx -t -q -e /dev/null -c "$folder/test.conf" 2>/dev/null
}

# NGINX takes turns among its name servers, and only the first is sure to know the names of the stack.
resolver=
while read -r word address _ || [ -n "$word" ]; do
  if [ "$word" = nameserver ]; then
    resolver=$address
    break
  fi
done </etc/resolv.conf
case $resolver in
'' | *%*) refuse /etc/resolv.conf "$resolver" 'a nameserver without a zone' ;;
*:*) resolver="[$resolver]" ;;
esac

trusted=
networks=
set -f
IFS=,
for entry in ${FRONT_PROXIES:-}; do
  entry=${entry# }
  is_network "$entry" ||
    refuse FRONT_PROXIES "$FRONT_PROXIES" 'addresses and networks separated by commas, such as 10.0.0.1 or fd00::/8'
  trusted="$trusted set_real_ip_from $entry;"
  networks="$networks $entry 1;"
done

# Kubernetes needs the full name: NGINX looks names up without the search domains of /etc/resolv.conf.
server=${SERVER_HOST:-server}
case $server in *[!0-9A-Za-z._-]*) refuse SERVER_HOST "$server" 'a host name, such as server.example' ;; esac
echo "server $server:7777 resolve max_fails=0;" >"$folder/server.conf"

cat >"$folder/http.conf" <<END
resolver $resolver valid=1s ipv6=off;
$trusted
geo \$realip_remote_addr \$is_front_proxy { default 0; $networks }
END

# Only docker-compose.tls.yml sets HTTPS_PORT. With 0, Docker chooses the port; it is unknown here, so nothing is redirected.
port=${HTTPS_PORT:-}
case $port in
'') page= ;;
0) page='include tls.conf;' ;;
443) page='include tls.conf; if ($is_insecure) { return 308 https://$host$request_uri; }' ;;
*)
  case $port in *[!0-9]* | 0* | ??????*) port=65536 ;; esac
  [ "$port" -le 65535 ] || refuse HTTPS_PORT "$HTTPS_PORT" 'an integer from 0 to 65535'
  page="include tls.conf; if (\$is_insecure) { return 308 https://\$host:$port\$request_uri; }"
  ;;
esac
echo "$page" >"$folder/page.conf"

exec nginx -e /dev/stderr "$@"
