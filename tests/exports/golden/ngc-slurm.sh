#!/bin/bash
# ngc 1.0: registry.example.org:5000/team/ngc:1.0
#SBATCH --job-name=ngc
#SBATCH --gpus=2
# Features are a site's own names: here a node has that of its GPU's compute capability (cc86), or target (gfx942).
#SBATCH --constraint="cc80|cc86|cc89|cc90"
set -eu
# Slurm knows no drivers: the job ends here where the node's does not run the image.
older() {
  local first second part
  IFS=. read -ra first <<< "$1"
  IFS=. read -ra second <<< "$2"
  for part in 0 1 2 3; do
    if (( 10#${first[part]:-0} != 10#${second[part]:-0} )); then
      (( 10#${first[part]:-0} < 10#${second[part]:-0} ))
      return
    fi
  done
  return 1
}
IFS=', ' read -r capability driver < <(nvidia-smi --query-gpu=compute_cap,driver_version --format=csv,noheader) || true
[[ "$driver" =~ ^[0-9]+(\.[0-9]+)*$ ]] || { echo "nvidia-smi says no driver on this node." >&2; exit 1; }
runs=no
case "$capability" in
  8.0|8.6|8.9)
    if ! older "$driver" 525.60.13; then runs=yes; fi
    ;;
  9.0)
    if ! older "$driver" 470 && older "$driver" 471; then runs=yes; fi
    if ! older "$driver" 525; then runs=yes; fi
    ;;
esac
[ "$runs" = yes ] || { echo "The driver $driver with compute capability $capability does not run this image." >&2; exit 1; }
# enroot imports by the tag; the catalogue expects sha256:5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e.
[ -f ngc.sqsh ] || enroot import --output ngc.sqsh 'docker://registry.example.org:5000#team/ngc:1.0'
srun --container-image=./ngc.sqsh "$@"
