"""Which objects belong to the runs that are being stopped: by owner reference, by uid, by name, or by label.

Guarantees that owner references are followed through any number of known objects, and that circles end. An object that
a spared run owns (one that is kept, or that was not asked to stop) never matches, whoever else owns it. A match by name
or label alone never reaches an object of another run or in another namespace, a Job that a spared run names, or a
namesake of a Job that is known by its uid. An object that lost its owner is still
recognised by its uid. Not covered: an owner of a kind that nobody listed.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from steps.domain import find_owned, namespaced_name
from steps.kube import JOBS, PODS

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from datetime import datetime

    from steps.agents.owned_object import OwnedObject, OwnerReference, PodSelector

JOB_NAME = "batch.kubernetes.io/job-name"
JOB_UID = "batch.kubernetes.io/controller-uid"


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnedResources:
    """Runs and what is known to belong to them. A uid is unique for ever, a name only while the object exists.

    Attributes:
        run_uids: Uids of the runs.
        names: Namespaces and names of their Jobs, from the runs' status.
        settled: Those of `names` whose Job is known by its uid, if there is one. No other Job of this name is theirs.
        stopped_at: The time when the run of that name was deleted or asked to stop. A newer Job is not its own.
        objects: What they own, by uid, as last seen with an owner.
        recorded: Uids of the runs that owned an object when an earlier attempt looked, by the object's uid.
        selectors: The labels of their pods.
        others: Uids of the task's other runs and of what those own. A name or a label alone never matches them.
        spared: Uids of the runs that are not being stopped, and of what they own. These objects never match.
        spared_names: Namespaces and names of the Jobs of those runs. A Job without an owner that has one is theirs.
        run_kinds: Group and plural of every kind of run. A Job that such an object owns is not matched by its name.
    """

    run_uids: frozenset[str]
    names: frozenset[str] = frozenset()
    settled: frozenset[str] = frozenset()
    stopped_at: Mapping[str, datetime] = field(default_factory=dict)
    objects: Mapping[str, OwnedObject] = field(default_factory=dict)
    recorded: Mapping[str, frozenset[str]] = field(default_factory=dict)
    selectors: tuple[PodSelector, ...] = ()
    others: frozenset[str] = frozenset()
    spared: frozenset[str] = frozenset()
    spared_names: frozenset[str] = frozenset()
    run_kinds: frozenset[tuple[str, str]] = frozenset()

    @property
    def job_names(self) -> frozenset[str]:
        """Namespaces and names of their Jobs, and of no spared run's."""
        return (self.names | self._known_names) - self.spared_names

    @property
    def _known_names(self) -> frozenset[str]:
        return frozenset(each.key for each in self.objects.values() if each.resource == JOBS)

    @property
    def _open_names(self) -> frozenset[str]:
        """Those of `job_names` under which a Job may still be found."""
        return self.names - self._known_names - self.settled - self.spared_names

    def has(self, each: OwnedObject) -> bool:
        """Whether an object belongs to the runs."""
        return self._has(each, job_names=self.job_names, open_names=self._open_names)

    def among(self, objects: Iterable[OwnedObject]) -> dict[str, OwnedObject]:
        """Return those of these objects that belong to the runs, by uid."""
        names, open_names = self.job_names, self._open_names
        return {each.uid: each for each in objects if self._has(each, job_names=names, open_names=open_names)}

    def _has(self, each: OwnedObject, *, job_names: frozenset[str], open_names: frozenset[str]) -> bool:
        owners = each.owner_uids
        if each.uid in self.spared or not owners.isdisjoint(self.spared):
            return False
        if self.is_owner(owners) or (not owners and self.is_owner({each.uid}) and each.uid not in self.run_uids):
            return True
        is_named = self._is_named_pod if each.resource == PODS else self._is_named_job
        named = is_named(each, job_names=job_names, open_names=open_names)
        return named and each.uid not in self.run_uids and self.others.isdisjoint({*owners, each.uid})

    def is_owner(self, uids: Collection[str]) -> bool:
        """Whether one of these uids is a run's, or that of an object that belongs to one."""
        return not (
            self.run_uids.isdisjoint(uids)
            and self.objects.keys().isdisjoint(uids)
            and self.recorded.keys().isdisjoint(uids)
        )

    def _is_named_job(self, each: OwnedObject, *, job_names: frozenset[str], open_names: frozenset[str]) -> bool:
        is_older = each.created_at <= self.stopped_at.get(each.key, each.created_at)
        is_theirs = (each.key in open_names and is_older) or (each.key in job_names and self.is_owner({each.uid}))
        return is_theirs and each.resource == JOBS and not any(map(self._is_of_a_run_kind, each.owners))

    def _is_of_a_run_kind(self, reference: OwnerReference) -> bool:
        return any((reference.group, plural) in self.run_kinds for plural in reference.plurals)

    def _is_named_pod(self, pod: OwnedObject, *, job_names: frozenset[str], open_names: frozenset[str]) -> bool:
        job, uid = namespaced_name(pod.namespace, pod.labels.get(JOB_NAME, "")), pod.labels.get(JOB_UID)
        # A pod that lost its owner still has the uid of its Job in a label.
        is_left = job in job_names and not pod.owners and (not uid or self.is_owner({uid}))
        return is_left or job in open_names or any(each.matches(pod) for each in self.selectors)

    def with_others(self, uids: Iterable[str]) -> OwnedResources:
        """Add uids of other runs."""
        return replace(self, others=self.others | (frozenset(uids) - self.run_uids))

    def with_stop(self, stopped_at: Mapping[str, datetime]) -> OwnedResources:
        """Note when the runs of these Jobs' names were deleted or asked to stop."""
        return replace(self, stopped_at={**self.stopped_at, **stopped_at})

    def with_spared(self, uids: Iterable[str], *, names: Iterable[str] = ()) -> OwnedResources:
        """Add uids of runs that are not being stopped, and the names of their Jobs."""
        spared = self.spared | (frozenset(uids) - self.run_uids)
        return replace(self.with_others(uids), spared=spared, spared_names=self.spared_names.union(filter(None, names)))

    def with_objects(self, listed: Iterable[OwnedObject]) -> OwnedResources:
        """Add objects: each to those of the runs, to those of spared runs, or to those of other runs.

        An object that has found another owner meanwhile does not belong to the runs any more. One that has lost its
        owner counts as it was known before, and so do objects that are left with nothing but each other for owners.
        """
        seen = {each.uid: each for each in listed}
        owners = {uid: each.owner_uids for uid, each in seen.items()}
        named = [uid for uid, each in seen.items() if each.resource == JOBS and each.key in self.spared_names]
        spared = self.spared.union(uid for uid in named if not owners[uid]) - self.run_uids
        found = replace(
            self,
            spared=spared | find_owned(spared, owners=owners, barrier=self.run_uids),
            others=self.others | find_owned(self.others, owners=owners),
        )
        # A known object stays as it was first seen: that says whose it is, whatever the garbage collector takes away.
        again = {uid: seen[uid] for uid in found.objects if uid in seen}
        while lost := again.keys() - found.among(again.values()).keys():
            again = {uid: each for uid, each in again.items() if uid not in lost}
            found = replace(found, objects={uid: each for uid, each in found.objects.items() if uid not in lost})
        to_add = likely = [each for uid, each in seen.items() if uid not in found.objects]
        while new := found.among(likely):
            found = replace(found, objects={**found.objects, **new})
            to_add = [each for each in to_add if each.uid not in new]
            # Only what a new object owns can follow from it, or what names a new Job.
            is_job = any(each.resource == JOBS for each in new.values())
            likely = to_add if is_job else [each for each in to_add if not new.keys().isdisjoint(each.owner_uids)]
        return found.with_others(each.uid for each in to_add if each.resource == JOBS and each.key in found.job_names)

    def only(self, uids: Collection[str], *, names: Collection[str], barrier: Collection[str] = ()) -> OwnedResources:
        """Keep only these runs, with what they own and the Jobs that have these names. The rest becomes `others`.

        Args:
            uids: The runs to keep.
            names: The namespaces and names of their Jobs.
            barrier: Runs that are not followed. What they own is not kept.
        """
        recorded = {uid: runs for uid, runs in self.recorded.items() if not runs.isdisjoint(uids)}
        start = self._jobs_named(names, unless=self.run_uids.difference(uids)) | recorded.keys()
        own = start | find_owned({*uids, *start}, owners=self._owners(), barrier=barrier)
        # Whose a pod is may be known by its labels alone.
        rest = {uid for uid, each in self.objects.items() if each.resource != PODS}
        return replace(
            self,
            run_uids=frozenset(uids),
            names=frozenset(filter(None, names)),
            objects={uid: each for uid, each in self.objects.items() if uid in own},
            recorded=recorded,
            selectors=tuple(each for each in self.selectors if each.run_uid in uids),
            others=self.others | (self.run_uids | rest).difference(uids, own),
        )

    def without(self, uids: Collection[str], *, names: Collection[str]) -> OwnedResources:
        """Remove these runs, with what they own and the Jobs that have these names."""
        removed = self._jobs_named(names) | find_owned(uids, owners=self._owners(), barrier=self.run_uids)
        return replace(
            self,
            run_uids=self.run_uids.difference(uids),
            names=self.names.difference(names),
            objects={uid: each for uid, each in self.objects.items() if uid not in removed},
            recorded={uid: runs for uid, runs in self.recorded.items() if not runs <= set(uids)},
            selectors=tuple(each for each in self.selectors if each.run_uid not in uids),
        )

    def _owners(self) -> dict[str, frozenset[str]]:
        return {uid: each.owner_uids for uid, each in self.objects.items()}

    def _jobs_named(self, names: Collection[str], *, unless: Collection[str] = ()) -> frozenset[str]:
        """Uids of the Jobs that have these names, unless one of some runs owns them."""
        return frozenset(
            uid
            for uid, each in self.objects.items()
            if each.resource == JOBS and each.key in names and each.owner_uids.isdisjoint(unless)
        )
