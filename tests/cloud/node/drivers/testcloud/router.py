# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
"""A Neutron router plugin without agents: a floating IP is ACTIVE when it is associated."""

from neutron.services.l3_router import l3_router_plugin


class RouterPlugin(l3_router_plugin.L3RouterPlugin):
    def create_floatingip(self, context, floatingip):
        return self._settle(context, super().create_floatingip(context, floatingip))

    def update_floatingip(self, context, id, floatingip):
        return self._settle(context, super().update_floatingip(context, id, floatingip))

    def _settle(self, context, address):
        wanted = "ACTIVE" if address.get("port_id") else "DOWN"
        if address["status"] != wanted:
            self.update_floatingip_status(context.elevated(), address["id"], wanted)
            address["status"] = wanted
        return address
