#!/bin/sh
# Records testdata/forms: what gateways log in their usual forms (not in those of the catalogue's profiles) when the
# upstream breaks. It wants nginx, haproxy, caddy and apache2 of this machine, curl, and gatefault on the PATH.
set -eu
PATH="$PATH:/usr/sbin"
out=$(cd "$(dirname "$0")" && pwd)/forms
work=$(mktemp -d)
chmod 755 "$work"
pids=
trap 'kill $pids 2>/dev/null || true; wait; rm -rf "$work"' EXIT
cd "$work"

# The upstream, plain, and a port that nobody listens at.
export GATEFAULT_CONTROL=127.0.0.1:19500
gatefault upstream --control "$GATEFAULT_CONTROL" --listen app=127.0.0.1:19501 >/dev/null 2>&1 &
pids="$pids $!"
refused=127.0.0.1:19502

cat >nginx.conf <<EOF
daemon off; pid $work/nginx.pid; error_log $work/nginx-error.log;
events {}
http {
    access_log $work/nginx-access.log combined;
    proxy_read_timeout 1s; proxy_connect_timeout 1s; proxy_http_version 1.1;
    server { listen 127.0.0.1:19601; location / { proxy_pass http://127.0.0.1:19501; } location /tcp.refuse { proxy_pass http://$refused; } }
}
EOF
cat >haproxy.cfg <<EOF
global
    log stdout format rfc3164 local0
defaults
    mode http
    log global
    option httplog
    retries 0
    timeout connect 1s
    timeout server 1s
    timeout client 10s
frontend http-in
    bind 127.0.0.1:19602
    capture cookie SESSION len 20
    capture request header Host len 40
    default_backend app
    use_backend down if { path_beg /tcp.refuse }
backend app
    server app1 127.0.0.1:19501
backend down
    server app2 $refused
EOF
cat >Caddyfile <<EOF
{
	admin off
	auto_https off
}
http://127.0.0.1:19603 {
	log {
		output file $work/caddy-access.log
	}
	reverse_proxy /tcp.refuse* $refused
	reverse_proxy 127.0.0.1:19501 {
		transport http {
			response_header_timeout 1s
			read_timeout 1s
		}
	}
}
EOF
modules=/usr/lib/apache2/modules # Debian's
cat >apache.conf <<EOF
ServerRoot $work
PidFile $work/apache.pid
ServerName localhost
User www-data
Group www-data
Listen 127.0.0.1:19604
LoadModule mpm_event_module $modules/mod_mpm_event.so
LoadModule authz_core_module $modules/mod_authz_core.so
LoadModule proxy_module $modules/mod_proxy.so
LoadModule proxy_http_module $modules/mod_proxy_http.so
ErrorLog $work/apache-error.log
LogFormat "%h %l %u %t \"%r\" %>s %O \"%{Referer}i\" \"%{User-Agent}i\"" combined
CustomLog $work/apache-access.log combined
ProxyPass /tcp.refuse http://$refused/ retry=0
ProxyPass / http://127.0.0.1:19501/ timeout=1 retry=0
EOF
nginx -c "$work/nginx.conf" -p "$work" 2>nginx.err &
pids="$pids $!"
haproxy -f haproxy.cfg >haproxy.log 2>haproxy.err &
pids="$pids $!"
caddy run --config Caddyfile --adapter caddyfile 2>caddy-error.log >/dev/null &
pids="$pids $!"
apache2 -f "$work/apache.conf" -DFOREGROUND 2>apache.err &
pids="$pids $!"

for port in 19601 19602 19603 19604; do
	curl -s -o /dev/null --retry 50 --retry-delay 1 --retry-max-time 10 --retry-connrefused "http://127.0.0.1:$port/ready" || {
		echo "nothing answers at port $port" >&2
		cat ./*.err >&2
		exit 1
	}
done

for fault in tcp.refuse head.none head.slow head.reset head.garbage head.huge-field head.status-text body.truncate body.reset \
	body.bad-chunk body.stall app.503 app.502; do
	[ $fault = tcp.refuse ] || gatefault inject app $fault >/dev/null
	for log in *.log; do : >$log; done
	for port in 19601 19602 19603 19604; do
		curl -s -m 4 -o /dev/null -H 'Cookie: SESSION=abc' "http://127.0.0.1:$port/$fault/page" || true
	done
	sleep 0.3
	gatefault clear >/dev/null
	mkdir -p "$out/nginx" "$out/haproxy" "$out/caddy" "$out/apache"
	# Emptied logs begin with a hole where a writer does not append.
	cat nginx-error.log nginx-access.log >"$out/nginx/$fault.log"
	tr -d '\000' <haproxy.log >"$out/haproxy/$fault.log"
	cat caddy-error.log caddy-access.log | tr -d '\000' >"$out/caddy/$fault.log"
	cat apache-error.log apache-access.log >"$out/apache/$fault.log"
done
