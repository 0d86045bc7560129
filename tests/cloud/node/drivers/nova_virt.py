# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
"""Nova's own fake hypervisor, made to survive a restart of nova-compute. Installed as nova/virt/testcloud.py, for Nova looks nowhere else.

A server's metadata may want failures: `fail`: spawn, delete or attach; `delay`: seconds that its start takes.
Its console log is CONSOLE/<id>, where the stand-in for a hypervisor has written one.
"""

import pathlib
import time
import uuid

from nova import exception
from nova.compute import power_state, vm_states
from nova.scheduler.client import report
from nova.virt import fake

CONSOLE = pathlib.Path("/var/lib/testcloud/console")

# The resource tracker reads all allocations of the host at every claim, one request for each guest, and needs them only for a reshape
# or for PCI devices. Without this a server costs the more the more there are: 1.4 s at 350.
report.SchedulerReportClient.get_allocations_for_provider_tree = lambda self, context, node: {}


class Driver(fake.FakeDriver):
    @staticmethod
    def node_uuid(name):
        """Upstream's are random for each process, and Nova refuses a node whose uuid has changed."""
        return str(uuid.uuid5(uuid.NAMESPACE_DNS, name))

    def get_available_resource(self, nodename):
        resources = super().get_available_resource(nodename)
        if resources:
            resources["uuid"] = self.node_uuid(nodename)
        return resources

    def get_nodenames_by_uuid(self, refresh=False):
        return {self.node_uuid(name): name for name in self.get_available_nodes()}

    def default_root_device_name(self, instance, image_meta, root_bdm):
        """As under KVM; the first volume is then /dev/vdb."""
        return "/dev/vda"

    def spawn(self, context, instance, *args, **kwargs):
        time.sleep(float(instance.metadata.get("delay", 0)))
        if instance.metadata.get("fail") == "spawn":
            raise exception.BuildAbortException(instance_uuid=instance.uuid, reason="injected failure: spawn")
        return super().spawn(context, instance, *args, **kwargs)

    def destroy(self, context, instance, *args, **kwargs):
        if instance.metadata.get("fail") == "delete":
            raise exception.InstanceTerminationFailure(reason="injected failure: delete")
        self._adopt(instance)
        return super().destroy(context, instance, *args, **kwargs)

    def attach_volume(self, context, connection_info, instance, *args, **kwargs):
        if instance.metadata.get("fail") == "attach":
            raise exception.DeviceDetachFailed(device="volume", reason="injected failure: attach")
        return super().attach_volume(context, connection_info, instance, *args, **kwargs)

    def detach_interface(self, context, instance, vif):
        self._interfaces.pop(vif["id"], None)

    def get_info(self, instance, use_cache=True):
        self._adopt(instance)
        return super().get_info(instance, use_cache)

    def power_on(self, context, instance, *args, **kwargs):
        self._adopt(instance)
        return super().power_on(context, instance, *args, **kwargs)

    def power_off(self, instance, *args, **kwargs):
        self._adopt(instance)
        return super().power_off(instance, *args, **kwargs)

    def get_console_output(self, context, instance):
        try:
            return (CONSOLE / instance.uuid).read_bytes()
        except FileNotFoundError:
            return super().get_console_output(context, instance)

    def _adopt(self, instance):
        """Upstream's guests live in the process only: take them back from the database."""
        if instance.uuid in self.instances:
            return
        if instance.vm_state in (vm_states.ACTIVE, vm_states.PAUSED, vm_states.RESCUED):
            state = power_state.RUNNING
        elif instance.vm_state in (vm_states.STOPPED, vm_states.SUSPENDED):
            state = power_state.SHUTDOWN
        else:
            return
        self.instances[instance.uuid] = fake.FakeInstance(instance.name, state, instance.uuid)
