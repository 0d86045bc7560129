# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
"""What is in the cloud from the start: identities and endpoints; images, flavors, networks, quotas."""

import openstack

PROJECTS = {"demo": "10.20.0.0/16", "small": "10.21.0.0/16"}  # with the subnet of their network `private`
ENDPOINTS = {
    "compute": ("nova", ":8774/v2.1"),
    "image": ("glance", ":9292"),
    "network": ("neutron", ":9696"),
    "placement": ("placement", ":8778"),
    "block-storage": ("cinder", ":8776/v3"),
}
# vCPUs, MiB, GiB. m1.huge fits nowhere: its servers end in ERROR with "No valid host was found".
FLAVORS = {
    "m1.nano": (1, 64, 1),
    "m1.tiny": (1, 512, 1),
    "m1.small": (1, 2048, 20),
    "m1.medium": (2, 4096, 40),
    "m1.large": (4, 8192, 80),
    "m1.huge": (4096, 16000000, 80),
}
IMAGES = {"cirros": {}, "debian-13": {"os_distro": "debian", "os_version": "13"}}


def connect(password):
    return openstack.connect(
        auth_url="http://127.0.0.1:5000/v3", username="admin", password=password, project_name="admin",
        user_domain_name="Default", project_domain_name="Default", region_name="RegionOne", interface="internal",
    )  # fmt: skip


def make_identities(cloud, password, address):
    identity = cloud.identity
    roles = {role.name: role for role in identity.roles()}
    admin = identity.find_user("admin")

    def user_in_project(user, project, *names):
        project = identity.create_project(name=project, domain_id="default")
        user = identity.create_user(name=user, password=password, domain_id="default", default_project_id=project.id)
        for name in names:
            identity.assign_project_role_to_user(project, user, roles[name])
        identity.assign_project_role_to_user(project, admin, roles["admin"])

    user_in_project("svc", "service", "admin", "service")
    for project in PROJECTS:
        user_in_project(project, project, "member")
    for kind, (name, url) in ENDPOINTS.items():
        service = identity.create_service(type=kind, name=name)
        for interface, host in (("public", address), ("internal", "127.0.0.1"), ("admin", "127.0.0.1")):
            identity.create_endpoint(service_id=service.id, interface=interface, region_id="RegionOne", url=f"http://{host}{url}")


def make_content(cloud):
    for name, properties in IMAGES.items():
        # The hypervisors are no real ones: what is in an image does not matter.
        cloud.image.create_image(name=name, data=b"x" * 65536, disk_format="raw", container_format="bare", visibility="public", **properties)
    for name, (vcpus, ram, disk) in FLAVORS.items():
        cloud.compute.create_flavor(name=name, vcpus=vcpus, ram=ram, disk=disk, is_public=True)
    cloud.block_storage.create_type(name="fake", extra_specs={"volume_backend_name": "fake"})
    network = cloud.network
    public = network.create_network(name="public", is_router_external=True, provider_network_type="flat", provider_physical_network="external")
    network.create_subnet(name="public", network_id=public.id, ip_version=4, cidr="172.24.0.0/20", gateway_ip="172.24.0.1", is_dhcp_enabled=False)
    for name, cidr in PROJECTS.items():
        project = cloud.identity.find_project(name)
        private = network.create_network(name="private", project_id=project.id)
        subnet = network.create_subnet(
            name="private", network_id=private.id, ip_version=4, cidr=cidr, project_id=project.id, dns_nameservers=["9.9.9.9"]
        )
        router = network.create_router(name="router", project_id=project.id, external_gateway_info={"network_id": public.id})
        network.add_interface_to_router(router, subnet_id=subnet.id)
    cloud.set_compute_quotas("small", instances=2, cores=2, ram=2048, key_pairs=2)
    cloud.set_volume_quotas("small", volumes=1, gigabytes=10)
    cloud.set_network_quotas("small", floatingip=1, security_group=2)
