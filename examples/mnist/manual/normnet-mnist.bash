# SPDX-License-Identifier: MIT
# Completion of normnet-mnist for bash; written by write_manual.py from --help.
_normnet_mnist() {
    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} command=${COMP_WORDS[1]}
    COMPREPLY=()
    if [ "$COMP_CWORD" -eq 1 ]; then
        mapfile -t COMPREPLY < <(compgen -W 'train lr-find compare evaluate predict study report export --help --version' -- "$current")
        return
    fi
    case $command$previous in
        train--norm) mapfile -t COMPREPLY < <(compgen -W 'none batch group layer instance rms' -- "$current"); return ;;
        train--schedule) mapfile -t COMPREPLY < <(compgen -W 'constant step one-cycle' -- "$current"); return ;;
        train--cpu) mapfile -t COMPREPLY < <(compgen -W 'best portable avx2 avx512 neon' -- "$current"); return ;;
        lr-find--norm) mapfile -t COMPREPLY < <(compgen -W 'none batch group layer instance rms' -- "$current"); return ;;
        lr-find--cpu) mapfile -t COMPREPLY < <(compgen -W 'best portable avx2 avx512 neon' -- "$current"); return ;;
        evaluate--norm) mapfile -t COMPREPLY < <(compgen -W 'none batch group layer instance rms' -- "$current"); return ;;
        evaluate--affine) mapfile -t COMPREPLY < <(compgen -W 'default channel element none' -- "$current"); return ;;
        predict--norm) mapfile -t COMPREPLY < <(compgen -W 'none batch group layer instance rms' -- "$current"); return ;;
        predict--affine) mapfile -t COMPREPLY < <(compgen -W 'default channel element none' -- "$current"); return ;;
        export--norm) mapfile -t COMPREPLY < <(compgen -W 'none batch group layer instance rms' -- "$current"); return ;;
        export--affine) mapfile -t COMPREPLY < <(compgen -W 'default channel element none' -- "$current"); return ;;
    esac
    case $current in
        -*) ;;
        *) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$current"); return ;;
    esac
    case $command in
        train) mapfile -t COMPREPLY < <(compgen -W '--preset --data --limit --validate --augment --norm --groups --layer-dims --affine --virtual-batch --architecture --dropout --epochs --batch --schedule --lr --max-lr --step-size --step-gamma --momentum --nesterov --l1 --l2 --label-smoothing --average --average-from --seed --threads --cpu --save --save-every --keep --resume --new-cycle --summary --plot --json --report --classes --help' -- "$current") ;;
        lr-find) mapfile -t COMPREPLY < <(compgen -W '--preset --data --limit --validate --augment --norm --groups --layer-dims --affine --virtual-batch --architecture --dropout --batch --momentum --nesterov --l1 --l2 --label-smoothing --seed --threads --cpu --from --to --steps --csv --json --help' -- "$current") ;;
        compare) mapfile -t COMPREPLY < <(compgen -W '--csv --help' -- "$current") ;;
        evaluate) mapfile -t COMPREPLY < <(compgen -W '--model --use --data --validate --tta --threads --json --architecture --norm --groups --layer-dims --affine --eps --classes --image --mean --std --help' -- "$current") ;;
        predict) mapfile -t COMPREPLY < <(compgen -W '--model --use --first --count --fit --invert --tta --threads --json --architecture --norm --groups --layer-dims --affine --eps --classes --image --mean --std --help' -- "$current") ;;
        study) mapfile -t COMPREPLY < <(compgen -W '--out --only --quick --seeds --jobs --data --experiments --classes --list --print --help' -- "$current") ;;
        report) mapfile -t COMPREPLY < <(compgen -W '--out --experiments --data --classes --help' -- "$current") ;;
        export) mapfile -t COMPREPLY < <(compgen -W '--model --use --onnx --weights --architecture --norm --groups --layer-dims --affine --eps --classes --image --mean --std --help' -- "$current") ;;
    esac
}
complete -F _normnet_mnist normnet-mnist
