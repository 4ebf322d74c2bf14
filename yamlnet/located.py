"""A checked file in; its data section out, the paths in it absolute and leading nowhere else."""

from __future__ import annotations

from dataclasses import replace

from yamlnet.catalog.entry import Call
from yamlnet.catalog.own import PATHS
from yamlnet.data.links import links
from yamlnet.diagnostics import Mistake, MistakeError
from yamlnet.language.check import Checked
from yamlnet.language.experiment import Data
from yamlnet.language.paths import Said, located, outside_of, root_for, said_by


def located_data(checked: Checked) -> Data:
    """The data section, the paths in it made absolute.

    Nothing is downloaded to a folder that nothing but a run's record permits.

    Raises:
        MistakeError: a link in a data set's folder leads out of where the file's paths may.
    """
    assert checked.experiment is not None
    assert checked.experiment.data is not None
    data = checked.experiment.data
    for key in ("dataset", "validation", "test"):
        call = getattr(data, key)
        if not isinstance(call, Call):
            continue
        arguments = dict(call.arguments)
        for said in said_by(checked, call):
            if not said.leads_out(said.path):
                _require_no_way_out(call.name, said)
            elif "download" in call.entry.parameters:
                arguments["download"] = False
        for parameter in PATHS:
            if parameter in call.entry.parameters:
                arguments[parameter] = located(checked, call, parameter)
        data = data.model_copy(update={key: replace(call, arguments=arguments)})
    return data


def _require_no_way_out(name: str, said: Said) -> None:
    for link in () if said.free else links(name, said.path):
        if said.leads_out(link):
            message = outside_of(link, str(link), said.folder)
            help = f"`--data-root {root_for(link)}` lets it lead there"
            raise MistakeError(Mistake("outside-path", said.place, message, help))
