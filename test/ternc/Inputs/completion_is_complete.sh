# Each option of --help is in each script, and the shells can read these.
# completion_is_complete.sh FOLDER
for tool in ternc tern-run tern-train; do
  options=$($tool --help | sed -nE 's/^ +--([a-z][a-z-]*).*/\1/p' |
            grep -vxE 'llvm-stats|mlir-.*|color|help-.*')
  [ -n "$options" ] || echo "$tool --help lists nothing"
  for shell in bash zsh fish; do
    script=$1/$tool.$shell
    $tool --completion=$shell > "$script"
    $shell -n "$script" || echo "$shell cannot read $script"
    for option in $options; do
      grep -qE -e "(--|-l )$option([= '|[]|\$)" "$script" ||
        echo "$script lacks --$option"
    done
  done
done
