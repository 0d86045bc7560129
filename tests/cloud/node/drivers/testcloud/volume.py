# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
"""A Cinder driver that keeps nothing. Every operation succeeds, except those that the volume's metadata wants to fail:
`fail`: create, delete, attach or extend; `delay`: seconds that these take.
"""

import time

from cinder import exception, interface
from cinder.volume import driver


@interface.volumedriver
class VolumeDriver(driver.VolumeDriver):
    VERSION = "1.0"
    CI_WIKI_NAME = "none"

    def check_for_setup_error(self):
        pass

    def _update_volume_stats(self):
        pool = {
            "pool_name": "fake",
            "total_capacity_gb": 1000000,
            "free_capacity_gb": 1000000,
            "provisioned_capacity_gb": 0,
            "reserved_percentage": 0,
            "max_over_subscription_ratio": 20.0,
            "thin_provisioning_support": True,
            "multiattach": True,
            "QoS_support": False,
        }
        self._stats = {
            "volume_backend_name": "fake",
            "vendor_name": "testcloud",
            "driver_version": self.VERSION,
            "storage_protocol": "iSCSI",
            "pools": [pool],
        }

    def create_volume(self, volume):
        self._obey(volume, "create")

    def delete_volume(self, volume):
        self._obey(volume, "delete")

    def extend_volume(self, volume, new_size):
        self._obey(volume, "extend")

    def create_volume_from_snapshot(self, volume, snapshot):
        self._obey(volume, "create")

    def create_cloned_volume(self, volume, src_vref):
        self._obey(volume, "create")

    def clone_image(self, context, volume, image_location, image_meta, image_service):
        """A volume from an image, without copying it."""
        self._obey(volume, "create")
        return {}, True

    def create_snapshot(self, snapshot):
        pass

    def delete_snapshot(self, snapshot):
        pass

    def ensure_export(self, context, volume):
        pass

    def create_export(self, context, volume, connector):
        pass

    def remove_export(self, context, volume):
        pass

    def initialize_connection(self, volume, connector):
        self._obey(volume, "attach")
        target = f"iqn.2010-10.org.openstack:volume-{volume.id}"
        data = {"target_discovered": False, "target_portal": "127.0.0.1:3260", "target_iqn": target, "target_lun": 1, "volume_id": volume.id, "access_mode": "rw"}
        return {"driver_volume_type": "iscsi", "data": data}

    def terminate_connection(self, volume, connector, **kwargs):
        pass

    @staticmethod
    def _obey(volume, operation):
        wishes = dict(volume.metadata or {})
        time.sleep(float(wishes.get("delay", 0)))
        if wishes.get("fail") == operation:
            raise exception.VolumeBackendAPIException(data=f"injected failure: {operation}")
