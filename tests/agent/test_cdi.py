"""CDI specifications against the machine, in folders in the place of `/`.

Their forms are those of real ones: `OF_CTK` as `nvidia-ctk cdi generate` 1.20 writes it (NVIDIA/nvidia-container-toolkit at d34b3046,
`cmd/nvidia-ctk/cdi/generate/generate_test.go`), `OLD` as 1.12 did (issue 38 there), `OF_WSL` as a public recording of 2026 has it.
"""

import json
from pathlib import Path

import pytest
import yaml

from bayplan.agent import cdi, engine_runtimes
from bayplan.agent.machine_fact import measured
from tests.agent.roots import root_with

OF_CTK = """---
cdiVersion: 0.5.0
kind: nvidia.com/gpu
devices:
    - name: "0"
      containerEdits:
        deviceNodes:
            - path: /dev/nvidia0
              hostPath: /run/nvidia/driver/dev/nvidia0
    - name: all
      containerEdits:
        deviceNodes:
            - path: /dev/nvidia0
              hostPath: /run/nvidia/driver/dev/nvidia0
containerEdits:
    env:
        - NVIDIA_CTK_LIBCUDA_DIR=/lib/x86_64-linux-gnu
        - NVIDIA_VISIBLE_DEVICES=void
    deviceNodes:
        - path: /dev/nvidiactl
    hooks:
        - hookName: createContainer
          path: /usr/bin/nvidia-cdi-hook
          args:
            - nvidia-cdi-hook
            - create-symlinks
            - --link
            - libcuda.so.1::/lib/x86_64-linux-gnu/libcuda.so
          env:
            - NVIDIA_CTK_DEBUG=false
        - hookName: createContainer
          path: /usr/bin/nvidia-cdi-hook
          args:
            - nvidia-cdi-hook
            - enable-cuda-compat
            - --host-driver-version=580.95.05
    mounts:
        - hostPath: /lib/x86_64-linux-gnu/libcuda.so.580.95.05
          containerPath: /lib/x86_64-linux-gnu/libcuda.so.580.95.05
          options:
            - ro
            - rbind
"""
PATHS = [
    "run/nvidia/driver/dev/nvidia0",
    "dev/nvidiactl",
    "usr/bin/nvidia-cdi-hook",
    "lib/x86_64-linux-gnu/libcuda.so.580.95.05",
]
OLD = """---
cdiVersion: 0.4.0
containerEdits:
  deviceNodes:
  - path: /dev/nvidiactl
  hooks:
  - args:
    - nvidia-ctk
    - hook
    - update-ldcache
    - --folder
    - /usr/lib64
    hookName: createContainer
    path: /bin/nvidia-ctk
  mounts:
  - containerPath: /usr/lib64/libcuda.so.520.61.05
    hostPath: /usr/lib64/libcuda.so.520.61.05
    options:
    - ro
    type: bind
devices: []
kind: nvidia.com/gpu
"""
OF_WSL = """cdiVersion: 0.3.0
kind: nvidia.com/gpu
devices:
    - name: all
      containerEdits:
        deviceNodes:
            - path: /dev/dxg
              major: 10
              minor: 258
"""


def test_a_specification_of_this_machine_has_no_fault(tmp_path: Path) -> None:
    root_with(tmp_path, {"var/run/cdi/nvidia.yaml": OF_CTK} | dict.fromkeys(PATHS, ""))
    readable, failures = cdi.specifications(tmp_path)
    assert (failures, cdi.faults(readable)) == ([], ())
    assert cdi.driver_version(readable, failures) == measured("580.95.05", "/var/run/cdi/nvidia.yaml")


@pytest.mark.parametrize("gone", PATHS)
def test_what_a_specification_names_and_is_gone_is_a_fault(tmp_path: Path, gone: str) -> None:
    root_with(tmp_path, {"etc/cdi/nvidia.yaml": OF_CTK} | {path: "" for path in PATHS if path != gone})
    (fault,) = cdi.faults(cdi.specifications(tmp_path)[0])
    assert fault == (
        f"the CDI specification /etc/cdi/nvidia.yaml names /{gone}, which is not there: make it anew with `nvidia-ctk cdi generate`"
    )


def test_json_is_read_as_yaml_is(tmp_path: Path) -> None:
    as_json = json.dumps(yaml.safe_load(OF_CTK))
    (specification,) = cdi.specifications(root_with(tmp_path, {"etc/cdi/nvidia.json": as_json}))[0]
    assert specification.driver_version == "580.95.05"
    assert sorted(specification.missing) == sorted(f"/{path}" for path in PATHS)
    (fault,) = cdi.faults([specification])
    assert "and 3 more that are not there" in fault


def test_the_forms_of_older_toolkits_and_of_wsl(tmp_path: Path) -> None:
    root_with(tmp_path, {"etc/cdi/a.yaml": OLD})
    (old,) = cdi.specifications(tmp_path)[0]
    assert old.driver_version == "520.61.05"
    assert sorted(old.missing) == ["/bin/nvidia-ctk", "/dev/nvidiactl", "/usr/lib64/libcuda.so.520.61.05"]
    root_with(tmp_path, {"etc/cdi/a.yaml": OF_WSL, "dev/dxg": ""})
    readable, failures = cdi.specifications(tmp_path)
    assert [specification.missing for specification in readable] == [()]
    assert cdi.driver_version(readable, failures).reason == "/etc/cdi/a.yaml names no driver"


def test_that_of_the_running_system_takes_precedence(tmp_path: Path) -> None:
    root_with(tmp_path, {"etc/cdi/nvidia.yaml": OLD, "var/run/cdi/nvidia.yaml": OF_CTK})
    (tmp_path / "run").symlink_to(tmp_path / "var/run")
    readable, failures = cdi.specifications(tmp_path)
    assert [specification.path for specification in readable] == ["/var/run/cdi/nvidia.yaml", "/etc/cdi/nvidia.yaml"]
    assert cdi.driver_version(readable, failures).value == "580.95.05"
    assert [fault.split()[3] for fault in cdi.faults(readable)] == ["/var/run/cdi/nvidia.yaml"]
    root_with(tmp_path, dict.fromkeys(PATHS, ""))
    assert cdi.faults(cdi.specifications(tmp_path)[0]) == ()


def test_the_folders_of_dockers_configuration(tmp_path: Path) -> None:
    folders = '{"cdi-spec-dirs": ["/opt/a", "/opt/b/", 3, "relative"]}'
    root_with(tmp_path, {"opt/a/n.yaml": OLD, "opt/b/n.yaml": OF_CTK, "etc/docker/daemon.json": folders})
    configured = engine_runtimes.cdi_folders(tmp_path, {})
    readable, _ = cdi.specifications(tmp_path, configured)
    assert [specification.path for specification in readable] == ["/opt/b/n.yaml", "/opt/a/n.yaml"]
    assert cdi.specifications(tmp_path) == ([], [])


def test_specifications_for_other_devices_do_not_count(tmp_path: Path) -> None:
    other = OF_CTK.replace("nvidia.com/gpu", "amd.com/gpu")
    root_with(tmp_path, {"etc/cdi/amd.yaml": other, "etc/cdi/nvidia.yaml.bak": OF_CTK})
    assert cdi.specifications(tmp_path) == ([], [])
    assert cdi.driver_version([], []).is_absent


def test_the_quick_reader_reads_what_a_parser_of_yaml_reads() -> None:
    for text in (OF_CTK, OLD, OF_WSL):
        assert sorted(cdi._paths(text)) == sorted(cdi._paths(json.dumps(yaml.safe_load(text))))


def test_odd_files_are_reasons(tmp_path: Path) -> None:
    root_with(
        tmp_path, {"etc/cdi/big.yaml": b"#" * (5 * 2**20), "etc/cdi/odd.yaml": b"kind: nvidia.com/gpu\n\xff\x00: /x\n"}
    )
    (tmp_path / "etc/cdi/folder.yaml").mkdir()
    (tmp_path / "etc/cdi/loop.json").symlink_to("loop.json")
    readable, failures = cdi.specifications(tmp_path)
    assert [specification.path for specification in readable] == ["/etc/cdi/odd.yaml"]
    assert len(failures) == 3
    assert "is larger than" in (cdi.driver_version([], failures).reason or "")
