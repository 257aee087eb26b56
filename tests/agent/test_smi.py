"""What is read of nvidia-smi's output: documents written from its documented form, for drivers of three branches."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bayplan.agent import smi, values
from bayplan.agent.hardware import GpuHardware, Gpus, brand
from bayplan.domain.nvidia_smi_forms import decoded
from bayplan.domain.versions import DriverVersion, read
from bayplan.errors import Invalid
from tests.agent import documents
from tests.agent.documents import A6000, H100, ORIN, RTX5090, T4

MIB = 1024**2


@pytest.mark.parametrize("driver", ["535.104.05", "550.54.15", "580.95.05"])
def test_every_gpu_is_read_in_its_order(driver: str) -> None:
    assert smi.parse(documents.log(driver, A6000, T4, H100, RTX5090)) == Gpus(
        driver,
        (
            GpuHardware(0, "NVIDIA RTX A6000", "NvidiaRTX", 49140 * MIB),
            GpuHardware(1, "Tesla T4", "Nvidia", 15360 * MIB),
            GpuHardware(2, "NVIDIA H100 80GB HBM3", "Nvidia", 81559 * MIB, fabric_ready=True),
            GpuHardware(3, "NVIDIA GeForce RTX 5090", "GeForce", 32607 * MIB),
        ),
        cuda_version="13.0" if driver.startswith("580") else "12.2",
    )


def test_the_memory_is_that_which_nvml_tells_in_bytes() -> None:
    (gpu,) = smi.parse(documents.log("535.104.05", A6000)).gpus
    assert gpu.memory_bytes == 51527024640


def test_what_a_gpu_does_not_tell_stays_open() -> None:
    (gpu,) = smi.parse(documents.log("540.3.0", ORIN)).gpus
    assert gpu == GpuHardware(0, "Orin (nvgpu)")


def test_a_driver_without_gpus() -> None:
    assert smi.parse(documents.log("550.54.15")) == Gpus("550.54.15", (), cuda_version="12.2")


@pytest.mark.parametrize(("state", "ready"), [("Completed", True), ("In Progress", False), ("Not Started", False)])
def test_the_state_of_the_fabric(state: str, ready: bool) -> None:
    text = documents.log("570.124.06", H100).replace("<state>Completed<", f"<state>{state}<")
    assert smi.parse(text).gpus[0].fabric_ready is ready


def test_the_drivers_version_where_only_its_new_name_is_left() -> None:
    text = documents.log("580.95.05", T4).replace("\t<driver_version>580.95.05</driver_version>\n", "")
    assert "<driver_version>" not in text
    assert smi.parse(text).driver_version == "580.95.05"


def test_a_lost_gpu_is_an_error_and_not_one_less() -> None:
    text = documents.log("550.54.15", A6000, T4).replace("<product_name>Tesla T4<", "<product_name>GPU is lost<")
    gpus = smi.parse(text)
    assert [gpu.index for gpu in gpus.gpus] == [0]
    assert [str(fault) for fault in gpus.faults] == ["GPU 1 does not answer (GPU is lost)"]


@pytest.mark.parametrize(
    "text",
    ["", "NVIDIA-SMI has failed", "<html></html>", documents.log("550.54.15", T4)[:-30]],
    ids=["nothing", "words", "another document", "half a document"],
)
def test_what_is_no_log_is_refused(text: str) -> None:
    with pytest.raises(Invalid, match="nvidia-smi -q -x"):
        smi.parse(text)


PROCESS = "<process_info><pid>1</pid><process_name>{}</process_name></process_info>"
PROCESS_NAMES = {
    "control characters": "a\x01b\x7f\x08",
    "escape sequence": "\x1b[31mred\x1b]0;title\x07",
    "NUL": "a\x00b",
    "ampersand": "train --a=1&b=2 &c &#0; &nbsp;",
    "less-than": "a < b <- c <<EOF",
    "tags": "python <stdin> <br/> <module> </module>",
    "an end": "a </process_name></process_info></processes>",
    "CDATA": "<![CDATA[ ]] > ]]>",
    "comment": "<!-- -- --><!-- <x",
    "instruction": "<?xml version='1.0'?>",
    "no characters": "\ufffe\uffff\ud800",
    "of this log": "<fb_memory_usage><total>1 MiB</total></fb_memory_usage><product_name>x</product_name>",
}
AROUND = {
    "a warning after": ("", "WARNING: infoROM is corrupted at gpu 0000:01:00.0\n"),
    "a warning before": ("WARNING: infoROM is corrupted at gpu 0000:01:00.0\n", ""),
    "markup before": ("<html> & </html>\n<nvidia_smi_log>\n<gpu id='0'>\n", "\x00"),
    "half a document after": ("", documents.log("550.54.15", H100)[:-40]),
    "another document after": ("", documents.log("550.54.15", H100)),
    "a mark of byte order": ("\ufeff", ""),
}


@pytest.mark.parametrize("name", PROCESS_NAMES)
def test_names_of_processes_do_not_count(name: str) -> None:
    log = documents.log("550.54.15", A6000, T4)
    text = log.replace("<processes>", "<processes>" + PROCESS.format(PROCESS_NAMES[name]))
    assert smi.parse(text) == smi.parse(log)


@pytest.mark.parametrize("name", AROUND)
def test_what_stands_around_the_document_does_not_count(name: str) -> None:
    log = documents.log("550.54.15", A6000, T4)
    before, after = AROUND[name]
    assert smi.parse(before + log + after) == smi.parse(log)


def test_lines_between_elements_and_the_form_do_not_count() -> None:
    log = documents.log("580.95.05", A6000, T4)
    gpus = smi.parse(log)
    assert smi.parse(log.replace("\t<", "WARNING: infoROM is corrupted\n\t<").replace("\n", "\r\n")) == gpus
    assert smi.parse(log[log.index("<nvidia_smi_log>") :]) == gpus
    assert smi.parse(log.replace("nvsmi_device_v13.dtd", "a_dtd_of_2030.dtd")) == gpus


def test_elements_that_are_never_closed_or_never_opened_do_not_count() -> None:
    log = documents.log("580.95.05", A6000, T4)
    # As a driver printed it: an element that was never opened is closed, and one is opened and never closed.
    broken = "<supported_clocks></supported_mem_clock><supported_mem_clock>5001 MHz</supported_clocks>"
    assert smi.parse(log.replace("<processes>", broken + "<processes>")) == smi.parse(log)
    assert smi.parse(log.replace("</processes>", "").replace("</gpu>", "")) == smi.parse(log)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "latin-1", "cp932"])
def test_the_encoding_does_not_count(encoding: str) -> None:
    log = documents.log("550.54.15", A6000, T4).replace("<processes>", "<processes>" + PROCESS.format("\xb5"), 1)
    assert smi.parse(decoded(log.encode(encoding, errors="replace"))) == smi.parse(log)


def test_fewer_gpus_than_are_attached_are_an_error() -> None:
    log = documents.log("550.54.15", A6000, T4)
    with pytest.raises(Invalid, match="2 attached GPUs and lists 1"):
        smi.parse(log[: log.rindex("\t<gpu id=")] + "</nvidia_smi_log>\n")


ERRORS = [
    *("N/A", "[N/A]", "n/a", "Not Supported", "[Not Supported]", "Not Available", "Unknown Error", "[Unknown Error]"),
    *(
        "ERR!",
        "err!",
        "[ERR!]",
        "Insufficient Permissions",
        "[Insufficient Permissions]",
        "[Insufficient External Power]",
    ),
    *("Requested functionality has been deprecated", "Not Found", "Function Not Found", "Driver Not Loaded", "Timeout"),
    *("Driver/library version mismatch", "Corrupted infoROM", "Invalid Argument", "[Whatever comes next]", "No data"),
]
LOST = [
    *("GPU is lost", "[GPU is lost]", "GPU is lost.", "gpu is LOST", "GPU requires reset", "[GPU requires reset]"),
    *(
        "GPU requires restart",
        "GPU is inaccessible",
        "GPU has fallen off the bus",
        "GPU access blocked",
        "Reset Required",
    ),
    *("GPU not found", "GPU Recovery Action: Reset"),
]


@pytest.mark.parametrize("text", [*ERRORS, *LOST, ""])
def test_an_error_in_a_values_place_is_no_value(text: str) -> None:
    log = documents.log("550.54.15", H100)
    brand_open = log.replace("<product_brand>NVIDIA<", f"<product_brand>{text}<")
    assert smi.parse(brand_open).gpus == (
        GpuHardware(0, "NVIDIA H100 80GB HBM3", None, 81559 * MIB, fabric_ready=True),
    )
    (fault,) = smi.parse(log.replace("NVIDIA H100 80GB HBM3", text)).faults
    assert fault.index == 0
    assert smi.parse(log.replace(">550.54.15<", f">{text}<")).driver_version is None
    for value, field in (("81559 MiB", "memory_bytes"), ("Completed", "fabric_ready")):
        gpus = smi.parse(log.replace(f"<total>{value}", f"<total>{text}").replace(f"<state>{value}", f"<state>{text}"))
        assert bool(gpus.faults) is (text in LOST)
        assert all(getattr(gpu, field) is None for gpu in gpus.gpus)
    assert smi.capabilities(f"0, {text}\n1, 9.0\n") == {1: "9.0"}


@pytest.mark.parametrize(
    ("text", "memory"),
    [("0 MiB", None), ("1 MiB", None), ("99999999999 MiB", None), ("-1 MiB", None), ("64 MiB", 64 * MIB)],
)
def test_a_memory_of_no_sense_stays_open(text: str, memory: int | None) -> None:
    (gpu,) = smi.parse(documents.log("550.54.15", T4).replace("15360 MiB", text)).gpus
    assert gpu.memory_bytes == memory


@pytest.mark.parametrize("name", ["A\x1b[31mB", "x" * 201, "\ufffd\ufffd", "A\u200bB"])
def test_a_name_of_no_sense_stays_open(name: str) -> None:
    (gpu,) = smi.parse(documents.log("550.54.15", T4).replace("Tesla T4", name)).gpus
    assert gpu == GpuHardware(0, None, "Nvidia", 15360 * MIB)


NOISE = st.sampled_from(
    ["<", ">", "&", "</gpu>", "<gpu>", "</processes>", "\x00", "\x1b", "\r", "]]>", "<!--", "a", " ", "\n"]
)


@given(st.lists(NOISE, max_size=12).map("".join), st.integers(0, 3000))
@settings(max_examples=200, deadline=None)
def test_noise_anywhere_hides_no_gpu_without_an_error(noise: str, place: int) -> None:
    log = documents.log("550.54.15", A6000, T4)
    place %= len(log)
    try:
        gpus = smi.parse(log[:place] + noise + log[place:])
    except Invalid:
        return
    assert len(gpus.gpus) + len(gpus.faults) == 2


@given(st.integers(0, 3000))
@settings(max_examples=50, deadline=None)
def test_a_document_that_ends_early_is_an_error(end: int) -> None:
    log = documents.log("550.54.15", A6000, T4)
    with pytest.raises(Invalid, match="nvidia-smi -q -x"):
        smi.parse(log[: min(end, log.index("</nvidia_smi_log>") + 16)])


def test_compute_capabilities_are_read_by_index() -> None:
    capabilities = smi.capabilities(documents.capabilities(A6000, T4) + "2, [N/A]\nsomething else\n3, 12.0\n")
    assert capabilities == {0: "8.6", 1: "7.5", 3: "12.0"}
    gpus = smi.with_capabilities(smi.parse(documents.log("550.54.15", A6000, T4, H100)), capabilities)
    assert [gpu.compute_capability for gpu in gpus.gpus] == ["8.6", "7.5", None]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("NVIDIA RTX", "NvidiaRTX"),
        ("NVML_BRAND_NVIDIA_RTX", "NvidiaRTX"),
        ("GeForce", "GeForce"),
        ("NVML_BRAND_GEFORCE", "GeForce"),
        ("Quadro RTX", "QuadroRTX"),
        ("NVIDIA", "Nvidia"),
        ("Brand New", "Brand New"),
        ("Unknown", None),
        ("NVML_BRAND_UNKNOWN", None),
        ("", None),
    ],
)
def test_both_sources_spell_a_brand_alike(text: str, expected: str | None) -> None:
    assert brand(text) == expected


@settings(max_examples=200, deadline=None)
@given(st.from_regex(r"[0-9]{1,4}(\.[0-9]{1,6}){0,4}\.?", fullmatch=True) | st.text("0123456789. x", max_size=12))
def test_a_drivers_version_is_read_as_the_rules_read_it(text: str) -> None:
    version = read(DriverVersion.parse, text)
    expected = text.strip() if version is not None and 0 < version.branch < 2000 else None
    assert values.driver_version(text) == expected
