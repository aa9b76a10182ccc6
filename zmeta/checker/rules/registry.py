"""The one list of rules. What a code is about stands in the module of its name; here stands who calls what."""

from __future__ import annotations

import re
from importlib import import_module
from typing import TYPE_CHECKING

from zmeta.checker.rules import (
    zm101_broken_schema,
    zm102_broken_profile,
    zm104_misspelt_key,
    zm107_misspelt_custom_key,
    zm108_unknown_declaration,
    zm204_unit_not_listed,
    zm210_mixed_units,
    zm211_wrong_axes,
    zm212_dimension_names,
    zm302_not_a_number,
    zm311_level_off_shape,
    zm312_level_off_by_thousand,
    zm313_never_set,
    zm314_level_order,
    zm315_no_half_voxel_shift,
    zm316_mixed_shifts,
    zm412_dangling_path,
    zm413_path_out_of_the_group,
    zm415_legacy_convention,
    zm416_label_misfit,
    zm417_plate_contradiction,
    zm418_version_mixture,
    zm419_label_not_listed,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from zmeta.checker.site import ArraySite, GroupSite
    from zmeta.config import Config
    from zmeta.finding import Finding, Fix
    from zmeta.jsondoc import JSONValue
    from zmeta.nodes.node import Node

#: Rules that depend on what was read from an array, and on nothing else about it: arrays that read alike are judged once.
READING: tuple[Callable[[ArraySite], Iterable[Finding]], ...] = (
    zm101_broken_schema.check_array,
    zm108_unknown_declaration.check_array,
    zm210_mixed_units.check_array,
    zm313_never_set.check_array,
    zm415_legacy_convention.check_array,
)

#: Rules about the user's own attributes of an array: asked of each one.
CUSTOM: tuple[Callable[[Node, Config], Iterable[Finding]], ...] = (zm107_misspelt_custom_key.check_array,)
#: Rules that hold an array against the profiles of the settings.
PROFILE: tuple[Callable[[ArraySite], Iterable[Finding]], ...] = (zm102_broken_profile.check_array,)

#: Rules about a group and the levels that it lists.
GROUP: tuple[Callable[[GroupSite], Iterable[Finding]], ...] = (
    zm101_broken_schema.check_group,
    zm108_unknown_declaration.check_group,
    zm210_mixed_units.check_group,
    zm211_wrong_axes.check_group,
    zm212_dimension_names.check_group,
    zm311_level_off_shape.check_group,
    zm312_level_off_by_thousand.check_group,
    zm313_never_set.check_group,
    zm314_level_order.check_group,
    zm315_no_half_voxel_shift.check_group,
    zm316_mixed_shifts.check_group,
    zm412_dangling_path.check_group,
    zm413_path_out_of_the_group.check_group,
    zm415_legacy_convention.check_group,
    zm416_label_misfit.check_group,
    zm417_plate_contradiction.check_group,
    zm418_version_mixture.check_group,
    zm419_label_not_listed.check_group,
)

#: Loss-free fixes, by code: from a finding and the value at its pointer (for a key: the object that holds it).
FIXES: dict[str, Callable[[Finding, JSONValue], Fix | None]] = {
    "ZM104": zm104_misspelt_key.fix,
    "ZM204": zm204_unit_not_listed.fix,
    "ZM302": zm302_not_a_number.fix,
    "ZM301": zm302_not_a_number.fix,
}

#: Codes whose finding means that a MUST of the convention and version is broken; the others are sound but doubtful.
MUST = frozenset({
    "ZM001", "ZM006", "ZM007", "ZM008", "ZM009", "ZM101", "ZM104", "ZM201", "ZM202", "ZM211", "ZM212", "ZM302", "ZM314",
    "ZM404", "ZM407", "ZM412", "ZM413", "ZM416", "ZM417", "ZM418",
})  # fmt: skip


def breaks_must(finding: Finding) -> bool:
    """Whether a finding means that a MUST of its version is broken: what one version demands another may only advise."""
    key = finding.pointer.rpartition("/")[2]
    advice = {
        "ZM101": _STRICTER.search(f"{finding.pointer}: {finding.found}") is not None,
        "ZM104": key == "units",  # a unit is a SHOULD
        "ZM202": "must be a list of strings" in finding.message and _STRINGS.fullmatch(finding.found) is not None,
        "ZM212": key == "_ARRAY_DIMENSIONS",  # asked for by nobody in 0.4
        "ZM416": "integers" in finding.message and "/ome/" not in finding.pointer,  # a MUST since 0.5
    }
    return finding.code in MUST and not advice.get(finding.code, False)


#: Where the schemas ask for more than the text of OME-NGFF: a scale above zero, the name of an axis that is not empty.
_STRICTER = re.compile(r'/scale/\d+: -?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?$|/axes/\d+/name: ""$')
_STRINGS = re.compile(r'\["[^"\\]*"(?:, "[^"\\]*")*\]')


#: The module of every code, in this folder.
MODULES: dict[str, str] = {
    "ZM001": "zm001_not_json",
    "ZM002": "zm002_nan_token",
    "ZM003": "zm003_byte_order_mark",
    "ZM004": "zm004_twin_document",
    "ZM005": "zm005_broken_group",
    "ZM006": "zm006_wrong_node_document",
    "ZM007": "zm007_cannot_be_read",
    "ZM008": "zm008_too_large",
    "ZM009": "zm009_too_deep",
    "ZM101": "zm101_broken_schema",
    "ZM102": "zm102_broken_profile",
    "ZM103": "zm103_invalid_payload",
    "ZM104": "zm104_misspelt_key",
    "ZM105": "zm105_reserved_name",
    "ZM106": "zm106_not_storable",
    "ZM107": "zm107_misspelt_custom_key",
    "ZM108": "zm108_unknown_declaration",
    "ZM201": "zm201_wrong_length",
    "ZM202": "zm202_wrong_axis_names",
    "ZM203": "zm203_unit_of_wrong_kind",
    "ZM204": "zm204_unit_not_listed",
    "ZM205": "zm205_axes_by_habit",
    "ZM206": "zm206_axes_by_guess",
    "ZM207": "zm207_no_unit",
    "ZM208": "zm208_unusable_unit",
    "ZM209": "zm209_one_unit_for_all",
    "ZM210": "zm210_mixed_units",
    "ZM211": "zm211_wrong_axes",
    "ZM212": "zm212_dimension_names",
    "ZM301": "zm301_not_positive",
    "ZM302": "zm302_not_a_number",
    "ZM303": "zm303_no_origin",
    "ZM304": "zm304_level_off_corner",
    "ZM305": "zm305_unreadable_transformation",
    "ZM306": "zm306_unknown_order",
    "ZM307": "zm307_truncated_by_readers",
    "ZM308": "zm308_level_without_scale",
    "ZM309": "zm309_reading_by_setting",
    "ZM310": "zm310_identity_for_scale",
    "ZM311": "zm311_level_off_shape",
    "ZM312": "zm312_level_off_by_thousand",
    "ZM313": "zm313_never_set",
    "ZM314": "zm314_level_order",
    "ZM315": "zm315_no_half_voxel_shift",
    "ZM316": "zm316_mixed_shifts",
    "ZM401": "zm401_contradiction",
    "ZM402": "zm402_not_decoded",
    "ZM403": "zm403_version_misfit",
    "ZM404": "zm404_unknown_version",
    "ZM405": "zm405_not_declared",
    "ZM406": "zm406_copies_differ",
    "ZM407": "zm407_group_misfit",
    "ZM408": "zm408_value_on_group",
    "ZM409": "zm409_no_place",
    "ZM410": "zm410_axes_renamed",
    "ZM411": "zm411_truncated_copy",
    "ZM412": "zm412_dangling_path",
    "ZM413": "zm413_path_out_of_the_group",
    "ZM414": "zm414_stale_consolidated",
    "ZM415": "zm415_legacy_convention",
    "ZM416": "zm416_label_misfit",
    "ZM417": "zm417_plate_contradiction",
    "ZM418": "zm418_version_mixture",
    "ZM419": "zm419_label_not_listed",
    "ZM420": "zm420_no_form_in_v3",
    "ZM421": "zm421_extension_in_v3",
    "ZM422": "zm422_stated_differently_in_v3",
    "ZM501": "zm501_outside",
    "ZM502": "zm502_sizes_do_not_divide",
}


def load_page(code: str) -> str:
    """Return what stands about a code in its module: what it finds, why, an example, the way out."""
    return str(import_module(f"zmeta.checker.rules.{MODULES[code]}").__doc__)
