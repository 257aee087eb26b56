#!/bin/bash
# cpu 1.0: registry.example.org:5000/team/cpu:1.0
#SBATCH --job-name=cpu
set -eu
# enroot imports by the tag; the catalogue expects sha256:5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e.
[ -f cpu.sqsh ] || enroot import --output cpu.sqsh 'docker://registry.example.org:5000#team/cpu:1.0'
srun --container-image=./cpu.sqsh "$@"
