# Completes python -m pipeline: eval "$(python -m pipeline completion bash)"
# The python of the line itself is asked; on any other line of python nothing changes.

_pipeline_complete() {
    local line="${COMP_LINE:0:COMP_POINT}"
    if ! [[ $line =~ [[:space:]]-m[[:space:]]+pipe ]]; then
        [[ -n $_pipeline_others ]] && "$_pipeline_others" "$@"
        return
    fi
    mapfile -t COMPREPLY < <("${1/#\~/$HOME}" -m pipeline.completion \
        --line "$line" --breaks "${COMP_WORDBREAKS//[^=:]/}" 2>/dev/null)
    [[ ${COMPREPLY[0]-} == *= ]] && compopt -o nospace
    [[ -n ${COMPREPLY[*]} ]] || COMPREPLY=()
}

if [[ $(complete -p python 2>/dev/null) != *_pipeline_complete* ]]; then
    if declare -F _comp_load >/dev/null; then
        _comp_load python
    elif declare -F _completion_loader >/dev/null; then
        _completion_loader python
    fi >/dev/null 2>&1
    _pipeline_others=$(complete -p python 2>/dev/null | sed -n 's/.* -F \([^ ]*\) .*/\1/p')
fi
complete -o bashdefault -o default -F _pipeline_complete \
    python python3 python3.11 python3.12 python3.13
