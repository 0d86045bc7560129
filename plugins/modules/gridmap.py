#!/usr/bin/python
# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: gridmap
short_description: Maps members of VOs to accounts, in all files that grid services read
version_added: 0.1.0
description:
  - Asks the sources of each VO for its members, and writes grid-mapfile, voms-mapfile, authorization groups of ARC, gridmapdir, Authfile
    and name_mapfile of XRootD, the mapfile of HTCondor and JSON, all from one fetch.
  - Nothing is lost when a source fails. Its last good answer is kept in O(state_dir) and stands in, up to O(max_age); an answer without
    any member, or with far fewer members than before, is not believed. But whom any good answer, or a ban, keeps out, is out at once.
  - A file that this module did not write before is replaced only if all sources that it depends on have answered.
  - Each file is read again before it replaces the old one, at once.
  - With O(program) the same code is installed to be run by a timer, with the same state and the same lock.
author: The elastigrid.site authors (@elastigrid)
extends_documentation_fragment:
  - ansible.builtin.action_common_attributes
attributes:
  check_mode:
    support: full
    details: The sources are asked, but neither outputs nor state are written.
  diff_mode:
    support: full
    details: The lines that went and the lines that came, at most 1000 of each.
  platform:
    platforms: posix
notes:
  - Names are compared and written as OpenSSL 3 prints them. A name with a slash or plus in a value is written as older versions print it, too.
  - Asking a source of type V(ldap) takes the command C(ldapsearch).
options:
  vos:
    description: The VOs, in order. A user who is in several of them gets the account of the first that has one for him.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Name of the VO.
        type: str
        required: true
      members:
        description: DNs of members, in slash form or that of RFC 4514. They are members besides those that the sources list.
        type: list
        elements: str
        default: []
      sources:
        description: Where the members are listed. Who is in one of them is a member, unless another one keeps him out.
        type: list
        elements: dict
        default: []
        suboptions: &source
          name:
            description: A name of one's own, under which the last good answer is kept. It must differ from those of all other sources.
            type: str
            required: true
          type:
            description:
              - V(iam), the SCIM interface of INDIGO IAM. Users that are not active are kept out, and those whose time is over.
              - V(voms_admin), the REST interface of VOMS-Admin. Users or certificates that are suspended are kept out, and those whose time is over.
              - V(voms_soap), the service VOMSCompatibility of VOMS-Admin, as C(edg-mkgridmap) asks it. It lists no one who is suspended.
              - V(ldap), an attribute with DNs in a directory, as LIGO has it.
              - V(cvmfs), the property C(voms_authz) of a repository of CVMFS. FQANs in it are no members and are skipped.
              - V(gridmap), a grid-mapfile or list of DNs, such as that of OSG's topology service or a local file. The account in it counts for
                a VO without an account.
            type: str
            required: true
            choices: [iam, voms_admin, voms_soap, ldap, cvmfs, gridmap]
          url:
            description:
              - V(https://iam.example.org/) for V(iam), V(https://voms.example.org:8443/voms/name) for V(voms_admin) and V(voms_soap),
                V(ldaps://ldap.example.org) for V(ldap), V(https://stratum.example.org/cvmfs/repository) for V(cvmfs), that of the file for V(gridmap).
              - With V(http:) or V(ldap:), anyone on the way can add members.
            type: str
          path:
            description: Local file, instead of a URL, for V(gridmap).
            type: path
          group:
            description:
              - For V(iam), the group whose members are meant, such as V(atlas); by default all users.
              - For V(voms_soap), an FQAN such as V(/atlas/Role=production) whose holders are meant; by default the whole VO.
            type: str
          base:
            description: Where in the directory to search, for V(ldap).
            type: list
            elements: str
            default: []
          filter:
            description: What to search for, for V(ldap), such as V((isMemberOf=Communities:LSCVirgoLIGOGroupMembers\)).
            type: str
          attribute:
            description: Attribute that holds the DNs, for V(ldap).
            type: str
            default: gridX509subject
          bind_dn:
            description: As whom to search, for V(ldap). By default anonymously.
            type: str
          password_file:
            description: File with the password of O(vos[].sources[].bind_dn).
            type: path
          token_file:
            description: File with a bearer token, for V(iam), V(voms_admin) and V(gridmap). IAM demands the scope C(scim:read).
            type: path
          client_id:
            description: Client of IAM that may get tokens with the scope C(scim:read) for itself, instead of a token.
            type: str
          client_secret_file:
            description: File with the secret of O(vos[].sources[].client_id).
            type: path
          allow_empty:
            description: Whether the source may list nobody. By default such an answer counts as none.
            type: bool
            default: false
          ca_dir:
            description: As O(ca_dir), for this source.
            type: path
          cert:
            description: As O(cert), for this source.
            type: path
          key:
            description: As O(key), for this source.
            type: path
      account:
        description:
          - Account of the members. One that begins with a dot is a pool, V(.atlas) of V(atlas001), V(atlas002) and so on.
          - Without it the VO's members are in the outputs of type V(arc_authgroup) and V(json) only, but for those with an account of their own.
        type: str
      roles:
        description: VOMS groups and roles with an account of their own, in order.
        type: list
        elements: dict
        default: []
        suboptions:
          fqan:
            description: The VOMS attribute, such as V(/atlas/Role=production).
            type: str
            required: true
          account:
            description: Account of those who have it.
            type: str
            required: true
      allow:
        description: Patterns with C(*) and C(?) for DNs. If there are any, only members that match one of them get in. Case does not matter.
        type: list
        elements: str
        default: []
      deny:
        description: Patterns as in O(vos[].allow), for members who do not get in.
        type: list
        elements: str
        default: []
      bans:
        description: DNs of users who do not get in as members of this VO.
        type: list
        elements: str
        default: []
      issuers:
        description: Who issues tokens for the VO.
        type: list
        elements: dict
        default: []
        suboptions:
          url:
            description: The issuer, as it is in the claim C(iss).
            type: str
            required: true
          audience:
            description: Audiences of which a token must name one. For roles that configure services; the outputs of this module do without.
            type: list
            elements: str
            default: []
          scopes:
            description: Scopes that a token must have, such as V(compute.create). For roles that configure services, likewise.
            type: list
            elements: str
            default: []
          account:
            description: Account of all subjects in the output V(condor_mapfile). By default only listed subjects have one.
            type: str
          subjects:
            description: Subjects with an account of their own.
            type: list
            elements: dict
            default: []
            suboptions:
              subject:
                description: The subject, as it is in the claim C(sub).
                type: str
                required: true
              account:
                description: Its account.
                type: str
                required: true
      voms:
        description: The VOMS servers of the VO. For the role C(grid_identity); the outputs of this module do without.
        type: list
        elements: dict
        default: []
        suboptions:
          host:
            description: DNS name of the server, as it stands in the attribute certificates that it issues.
            type: str
            required: true
          port:
            description: Port at which users ask it for attributes. Without it users cannot ask, but what it has signed is trusted.
            type: int
          dn:
            description: DN of its certificate.
            type: str
            required: true
          ca:
            description: DN of the CA of that certificate.
            type: str
            required: true
      areas:
        description: Where the VO's data is, for the output V(xrootd_authfile).
        type: list
        elements: dict
        default: []
        suboptions:
          path:
            description: What the paths begin with. To XRootD, V(/atlas) is V(/atlas2) as well, and V(/atlas/) not the directory itself.
            type: path
            required: true
          write:
            description: Whether members may write and delete there, besides reading.
            type: bool
            default: false
          fqan:
            description: The VOMS group or role that may; by default all of the VO.
            type: str
  bans:
    description: DNs of users who do not get in at all.
    type: list
    elements: str
    default: []
  ban_sources:
    description: Lists of users who do not get in at all. Such a list is used however old it is.
    type: list
    elements: dict
    default: []
    suboptions: *source
  entries:
    description: Users with an account of their own, before all VOs. Only a ban of the site keeps them out.
    type: list
    elements: dict
    default: []
    suboptions:
      dn:
        description: DN, in slash form or that of RFC 4514.
        type: str
        required: true
      account:
        description: The account.
        type: str
        required: true
  outputs:
    description: What is written.
    type: list
    elements: dict
    required: true
    suboptions:
      type:
        description:
          - V(grid_mapfile), a line C("DN" account) for each user with an account.
          - V(voms_mapfile), a line C("FQAN" account) for each role, then each VO; for services that see VOMS attributes.
          - V(arc_authgroup), a quoted DN for each member, for C(file=) in an authorization group of ARC.
          - V(arc_banned), a quoted DN for each user who must not get in (banned, suspended, inactive, expired or denied), member or not, for
            C(-file=) in an authorization group of ARC. Services that see VOMS attributes would let him in otherwise.
          - V(gridmapdir), a directory with a file for each pool account and a link of the name of the user's DN to each leased one. A lease
            is never taken away.
          - V(xrootd_authfile), who may do what in the areas of the VOs, known by VO, FQAN or account. XRootD compares an FQAN as a whole,
            so that its VOMS plugin has to be told C(grpopt=usefirst).
          - V(scitokens_mapfile), for C(name_mapfile) in XRootD's C(scitokens.cfg), for one issuer.
          - V(condor_mapfile), for C(CERTIFICATE_MAPFILE) of HTCondor with C(CERTIFICATE_MAPFILE_ASSUME_HASH_KEYS = true).
          - V(json), everything.
        type: str
        required: true
        choices: [grid_mapfile, voms_mapfile, arc_authgroup, arc_banned, gridmapdir, xrootd_authfile, scitokens_mapfile, condor_mapfile, json]
      path:
        description: Absolute path. Its directory must exist.
        type: path
        required: true
      vos:
        description: Names of the VOs that are meant. By default all.
        type: list
        elements: str
      by_role:
        description:
          - Whether a member who holds one of the O(vos[].roles) has its account in a V(grid_mapfile) or V(condor_mapfile), as with C(edg-mkgridmap).
          - A grid-mapfile does not ask which role a user shows. By default such a member is mapped like all others.
        type: bool
        default: false
      all_accounts:
        description: Whether a V(grid_mapfile) lists the accounts of all VOs that a user is in, separated by commas, instead of that of the first one.
        type: bool
        default: false
      fqan:
        description: Only members with this FQAN, in an V(arc_authgroup). Not every source tells FQANs.
        type: str
      issuer:
        description: The issuer that a V(scitokens_mapfile) is for.
        type: str
      pool:
        description: Names of all pool accounts, for V(gridmapdir) and V(xrootd_authfile).
        type: list
        elements: str
        default: []
      gridmapdir:
        description:
          - Path of an output of type V(gridmapdir). The account leased there is written to a V(grid_mapfile) or V(condor_mapfile), instead of
            the name of the pool.
          - ARC takes names of pools for names of accounts.
        type: path
      owner:
        description: Owner of the file.
        type: str
      group:
        description: Group of the file.
        type: str
      mode:
        description: Mode of the file, four octal digits in quotes.
        type: str
        default: '0644'
      backup:
        description: Whether the former file is kept, with C(.old) at the end of its name.
        type: bool
        default: false
  state_dir:
    description: Directory for the last good answers, the state and the lock. It is made if need be.
    type: path
    default: /var/lib/elastigrid/gridmap
  metrics:
    description: File with metrics for the textfile collector of Prometheus' node exporter, such as V(/var/lib/prometheus/node-exporter/gridmap.prom).
    type: path
  max_age:
    description: After how many seconds without a good answer of a source the module fails. It still does all that it can.
    type: int
    default: 604800
  max_shrink:
    description:
      - How many percent of its members a source may list no more at once. If they are more than this share and more than 10, its answer is not
        believed, and the last good one stays in use.
      - Members that the source says are suspended, inactive or expired do not count.
    type: int
    default: 20
  force:
    description: Names of sources whose answer is believed this time, however few members it lists.
    type: list
    elements: str
    default: []
  expire_stale:
    description: Whether members that only an answer older than O(max_age) names are dropped.
    type: bool
    default: false
  timeout:
    description: Seconds for all sources together. They are asked at the same time.
    type: int
    default: 300
  max_size:
    description: MiB that an answer, or a page of it, may have at most.
    type: int
    default: 64
  ca_dir:
    description:
      - Directory of CA certificates, by their hashes, such as V(/etc/grid-security/certificates). No other CA is trusted then.
      - By default the CAs of the system are trusted.
    type: path
  cert:
    description: Client certificate or proxy in PEM, for sources that ask for one.
    type: path
  key:
    description: Private key of O(cert), without a passphrase. By default it is in the same file.
    type: path
  program:
    description: Where to install this code as a program for a timer. It is called with the path of its configuration.
    type: dict
    suboptions:
      path:
        description: The program, one file.
        type: path
        required: true
      config:
        description: Its configuration, the options of this module in JSON. No secret is in it.
        type: path
        required: true
"""

EXAMPLES = r"""
- name: The members of ATLAS are mapped to a pool
  elastigrid.site.gridmap:
    vos:
      - name: atlas
        sources:
          - name: atlas-iam
            type: iam
            url: https://atlas-auth.cern.ch/
            group: atlas
            client_id: 1a2b3c4d
            client_secret_file: /etc/grid-security/atlas-iam.secret
        account: .atlas
        roles:
          - fqan: /atlas/Role=production
            account: atlasprd
    outputs:
      - type: gridmapdir
        path: /etc/grid-security/gridmapdir
        pool: [atlas001, atlas002, atlas003]
      - type: grid_mapfile
        path: /etc/grid-security/grid-mapfile
        gridmapdir: /etc/grid-security/gridmapdir
        backup: true
      - type: voms_mapfile
        path: /etc/grid-security/voms-mapfile

- name: The members of LIGO may read its data
  elastigrid.site.gridmap:
    vos:
      - name: ligo
        sources:
          - name: ligo-people
            type: ldap
            url: ldaps://ldap.ligo.org
            base: ["ou=people,dc=ligo,dc=org"]
            filter: (&(isMemberOf=Communities:LSCVirgoLIGOGroupMembers)(gridX509subject=*))
            bind_dn: uid=site,ou=services,dc=ligo,dc=org
            password_file: /etc/grid-security/ligo-ldap.password
          - name: ligo-cvmfs
            type: cvmfs
            url: https://cvmfs.example.org/cvmfs/ligo.osgstorage.org
        account: ligo
        areas:
          - path: /user/ligo
    outputs:
      - type: grid_mapfile
        path: /etc/grid-security/grid-mapfile
      - type: xrootd_authfile
        path: /etc/xrootd/Authfile
        group: xrootd
        mode: '0640'
"""

RETURN = r"""
sources:
  description: What became of each source, by name.
  type: dict
  returned: always
  sample:
    atlas-iam:
      status: kept
      age: 5400
      members: 4711
      out: 12
      skipped: {DN: 2}
      problem: 'answers with 502 Bad Gateway (https://atlas-auth.cern.ch/scim/Users?startIndex=1&count=100)'
  contains:
    status:
      description:
        - V(fresh), it answered, or said that nothing has changed.
        - V(kept), its last good answer stands in.
        - V(stale), that answer is older than O(max_age), which is an error.
        - V(missing), there has never been a good answer, which is an error.
      type: str
    age:
      description: Seconds since the answer that is used, null if there is none.
      type: int
    members:
      description: Members in the answer that is used.
      type: int
    out:
      description: Users whom it keeps out.
      type: int
    skipped:
      description: Entries that were of no use, by reason.
      type: dict
    problem:
      description: Why its answer is not used, null if it is.
      type: str
vos:
  description: How many members of each VO get in (C(members)), and how many do not, by reason (C(out)).
  type: dict
  returned: always
  sample: {atlas: {members: 4690, out: {banned: 1, inactive: 12}}}
outputs:
  description: What became of each output.
  type: list
  elements: dict
  returned: always
  contains:
    path:
      description: Its path.
      type: str
    type:
      description: Its type.
      type: str
    changed:
      description: Whether it changed, or would in check mode.
      type: bool
    entries:
      description: Lines without comments; leases of a gridmapdir.
      type: int
    came:
      description: Lines that are new.
      type: int
    went:
      description: Lines that are gone.
      type: int
    skipped:
      description: Entries that it cannot hold, by reason.
      type: dict
    problem:
      description: Why it could not be written, null if it could.
      type: str
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.elastigrid.site.plugins.module_utils import _gridmap_config, _gridmap_main, _program


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **_gridmap_config.SPEC,
            "force": {"type": "list", "elements": "str", "default": []},
            "program": _program.OPTION,
        },
        supports_check_mode=True,
    )
    config = {name: module.params[name] for name in _gridmap_config.SPEC}
    errors = _gridmap_config.check(config)
    if errors:
        module.fail_json(msg=f"Nothing was done: {'; '.join(errors)}")
    place = module.params["program"]
    diffs = _program.install(module, _gridmap_main.program(), config, place) if place else []
    try:
        report = _gridmap_main.run(config, module.params["force"], module.check_mode)
    except (_gridmap_main.RunError, OSError) as error:
        module.fail_json(msg=f"No output was written: {error}", changed=bool(diffs))
    for text in report.warnings:
        module.warn(text)
    outputs = [{key: value for key, value in output.items() if key != "log"} for output in report.outputs]
    result = {
        "changed": report.changed or bool(diffs),
        "sources": report.sources,
        "vos": report.vos,
        "outputs": outputs,
        "diff": [*diffs, *report.diffs],
    }
    if report.errors:
        module.fail_json(msg=f"{'; '.join(report.errors)}. What could be done was done.", **result)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
