#!/bin/sh
# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
# The packages of the control plane. Not those of the services (nova-api and the like): they ask questions, start daemons and
# bring libvirt. The -common ones bring paste and policy files, python3-* the code, WSGI files and *-manage programs.
set -e
export DEBIAN_FRONTEND=noninteractive
printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
chmod +x /usr/sbin/policy-rc.d
apt-get update -qq
apt-get install -qq --no-install-recommends \
    python3-keystone python3-glance python3-placement python3-nova python3-neutron python3-cinder \
    nova-common neutron-common cinder-common glance-common placement-common \
    python3-pymysql python3-memcache python3-openstacksdk \
    mariadb-server rabbitmq-server memcached uwsgi-core uwsgi-plugin-python3
apt-get clean
rm /usr/sbin/policy-rc.d
