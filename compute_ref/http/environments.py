"""GET /api/services/computeEnvironments: where jobs may run, and what really holds there."""

from __future__ import annotations

from typing import Any

import falcon

from compute_ref.http.parameters import query
from compute_ref.http.reading import Reading
from compute_ref.http.schemas import EnvironmentsQuery, loaded
from compute_ref.jobs.launching import limits
from compute_ref.services import Services
from compute_ref.settings import Environment


class EnvironmentsResource(Reading):
    """A list with ``chainId``, an object by chain without (reading R12)."""

    def __init__(self, services: Services) -> None:
        self._its = services
        self._enforced = {
            one.id: dict(services.backends[one.id].enforced(limits(one)))
            for one in services.settings.environments
        }

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """All environments, or one chain's."""
        wanted = loaded(EnvironmentsQuery, query(req))
        if "chainId" in wanted:
            resp.media = self._of_chain(wanted["chainId"])
        else:
            chains = self._its.settings.chains.ids
            resp.media = {str(chain): self._of_chain(chain) for chain in chains}

    def _of_chain(self, chain: int) -> list[dict[str, Any]]:
        if chain not in self._its.settings.chains.ids:
            return []
        return [
            self._shown(environment)
            for environment in self._its.settings.environments
            if not environment.chains or chain in environment.chains
        ]

    def _shown(self, its: Environment) -> dict[str, Any]:
        return {
            "id": its.id,
            "desc": its.desc,
            "cpuNumber": its.cpuNumber,
            "nCPU": its.cpuNumber,
            "cpuType": its.cpuType,
            "gpuNumber": its.gpuNumber,
            "nGPU": its.gpuNumber,
            "gpuType": its.gpuType,
            "ramGB": its.ramGB,
            "diskGB": its.diskGB,
            "priceMin": its.priceMin,
            "currentJobs": self._its.engine.current_jobs(its.id),
            "maxJobs": its.maxJobs,
            "consumerAddress": its.consumerAddress or self._its.provider.address,
            "storageExpiry": its.storageExpiry,
            "maxJobDuration": its.maxJobDuration,
            "lastSeen": int(self._its.clock.now()),
            "feeToken": its.feeToken,
            "backend": its.backend,
            "enforced": self._enforced[its.id],
        }
