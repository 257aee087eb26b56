#!/bin/bash
# rocm 1.0: registry.example.org:5000/team/rocm:1.0
#SBATCH --job-name=rocm
#SBATCH --gpus=1
# Features are a site's own names: here a node has that of its GPU's compute capability (cc86), or target (gfx942).
#SBATCH --constraint="gfx90a|gfx942"
set -eu
# enroot imports by the tag; the catalogue expects sha256:5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e.
[ -f rocm.sqsh ] || enroot import --output rocm.sqsh 'docker://registry.example.org:5000#team/rocm:1.0'
srun --container-image=./rocm.sqsh "$@"
