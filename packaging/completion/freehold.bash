# SPDX-License-Identifier: Apache-2.0
# Completion of freehold for bash: source <(freehold completion bash)
_freehold() {
	local line words
	words=("${COMP_WORDS[@]:1:COMP_CWORD}")
	COMPREPLY=()
	while IFS= read -r line; do
		if [[ $line == :files ]]; then
			compopt -o filenames 2>/dev/null
			while IFS= read -r line; do COMPREPLY+=("$line"); done < <(compgen -f -- "${COMP_WORDS[COMP_CWORD]}")
		else
			COMPREPLY+=("$line")
		fi
	done < <(freehold __complete "${words[@]}" 2>/dev/null)
}
complete -F _freehold freehold
