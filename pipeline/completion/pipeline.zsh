# Completes python -m pipeline: eval "$(python -m pipeline completion zsh)"
# The python of the line itself is asked; on any other line of python nothing changes.

_pipeline_complete() {
    if ! [[ $LBUFFER =~ "[[:space:]]-m[[:space:]]+pipe" ]]; then
        autoload -Uz _python
        _python "$@" || _default "$@"
        return
    fi
    local -a found
    found=("${(@f)$("${words[1]/#\~/$HOME}" -m pipeline.completion --line "$LBUFFER" 2>/dev/null)}")
    found=(${found:#})
    if (( ! $#found )); then
        _files
        return
    fi
    compadd -S '' -- ${(M)found:#*=}
    compadd -- ${found:#*=}
}

(( $+functions[compdef] )) || { autoload -Uz compinit && compinit }
compdef _pipeline_complete python python3 python3.11 python3.12 python3.13
