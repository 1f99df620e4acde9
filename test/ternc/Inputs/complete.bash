# What bash offers at the end of a line: complete.bash SCRIPT 'ternc --emit=l'
# As on a terminal, = is a word of its own.
source "$1"
compopt() { :; } # Works only while completing.
COMP_LINE=$2 COMP_POINT=${#2}
read -ra COMP_WORDS <<<"${2//=/ = }"
if [[ $2 == *[[:space:]=] ]]; then COMP_WORDS+=(""); fi
COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
"_${COMP_WORDS[0]//-/_}"
printf '%s\n' "${COMPREPLY[@]}"
