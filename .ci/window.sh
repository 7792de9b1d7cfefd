#!/bin/bash
# Drives the real window with real clicks and keys: window.sh BINARY OUTDIR
#
# Needs xvfb, xdotool, openbox and imagemagick. Starts a display of its own, types a prompt, clicks Generate, waits for
# the picture's file, checks that the picture is on the screen, takes a second one with Ctrl+Enter, leaves window.png in
# OUTDIR and closes the window. Ends with 0 only if everything went well; otherwise it says what did not.
#
# Where it clicks: the prompt is asked for by its place in the form, a fixed distance below the top left corner; the
# Generate button is found in a screenshot as the one large area in the accent colour of the dark theme (ui/theme.rs).
set -euo pipefail

binary=$(realpath "$1")
mkdir -p "$2"
out=$(realpath "$2")
width=1280 height=800
accent='#35C397'
prompt='a smiling green face with round glasses and a red hat on a yellow background'

work=$(mktemp -d)
export HOME=$work/home XDG_CONFIG_HOME=$work/config XDG_STATE_HOME=$work/state XDG_DATA_HOME=$work/data
export XDG_RUNTIME_DIR=$work/run XDG_CACHE_HOME=$work/cache LIBGL_ALWAYS_SOFTWARE=1
unset WAYLAND_DISPLAY
mkdir -p "$HOME" "$XDG_CONFIG_HOME/flux-qfaces" "$XDG_RUNTIME_DIR"
chmod 700 "$XDG_RUNTIME_DIR"
pictures=$work/pictures
printf '{"theme":"dark","output_folder":"%s"}' "$pictures" >"$XDG_CONFIG_HOME/flux-qfaces/settings.json"

children=()
finish() {
    kill "${children[@]}" 2>/dev/null || true
    rm -rf "$work"
}
trap finish EXIT

fail() {
    echo "window.sh: FAILED: $*" >&2
    import -window root "$out/failed.png" 2>/dev/null && echo "window.sh: the screen is in $out/failed.png" >&2
    [ -s "$work/log" ] && sed 's/^/    the program said: /' "$work/log" >&2
    exit 1
}

# Waits at most $1 seconds until the rest of the line succeeds.
within() {
    local end=$((SECONDS + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        [ $SECONDS -lt $end ] || return 1
        sleep 0.1
    done
}

for tool in Xvfb xdotool openbox import convert compare; do
    command -v $tool >/dev/null || fail "$tool is not installed"
done

# The server picks a free number and writes it down. The screen has room for the window's frame.
Xvfb -displayfd 3 -screen 0 $((width + 40))x$((height + 80))x24 -nolisten tcp 3>"$work/display" >/dev/null 2>&1 &
children+=($!)
within 10 test -s "$work/display" || fail "Xvfb did not start"
DISPLAY=:$(cat "$work/display")
export DISPLAY
openbox >/dev/null 2>&1 &
children+=($!)

"$binary" >"$work/log" 2>&1 &
program=$!
children+=($program)
find_window() {
    kill -0 $program || return 0
    window=$(xdotool search --onlyvisible --name '^Flux QFaces$' | tail -n 1)
    [ -n "$window" ]
}
within 30 find_window || fail "no window appeared within 30 s"
kill -0 $program 2>/dev/null || fail "the program ended at its start"
xdotool windowmove "$window" 10 10 windowsize "$window" $width $height windowfocus "$window"

shot() {
    import -window "$window" "$work/$1.png"
}
# Prints "WIDTHxHEIGHT+X+Y" of what is left of the accent colour when thin lines are taken away.
find_button() {
    shot look
    button=$(convert "$work/look.png" -fuzz 2% -fill black +opaque "$accent" -fill white -opaque "$accent" \
        -morphology Erode Square:8 -format '%@' info:)
    [[ $button =~ ^([0-9]+)x([0-9]+)\+([0-9]+)\+([0-9]+)$ ]] || return 1
    [ "${BASH_REMATCH[1]}" -gt 200 ] && [ "${BASH_REMATCH[2]}" -gt 20 ] || return 1
    button_x=$((BASH_REMATCH[3] + BASH_REMATCH[1] / 2))
    button_y=$((BASH_REMATCH[4] + BASH_REMATCH[2] / 2))
}
within 30 find_button || fail "the Generate button is not on the screen"

click() {
    xdotool mousemove --window "$window" "$1" "$2"
    sleep 0.2
    xdotool click 1
    sleep 0.3
}
click "$button_x" 150
xdotool type --delay 10 "$prompt"
sleep 0.5
click "$button_x" "$button_y"

made() {
    [ "$(find "$pictures" -name '*.webp' -not -name '.*' | wc -l)" -ge "$1" ]
}
within 60 made 1 || fail "no picture appeared in the output folder within 60 s"
first=$(find "$pictures" -name '*.webp')
grep -aq "$prompt" "$first" || fail "the picture does not carry the prompt that was typed"

# The picture must be on the screen, not only in its file: the largest thing in the middle that has not the colour of
# the ground is compared with the file. The form on the left and the details on the right keep out of it.
ground='#121514'
middle=$((width - 336 - 280))x$((height - 48))+336+48
seen() {
    shot after
    convert "$work/after.png" -crop $middle +repage "$work/middle.png"
    convert "$work/middle.png" -fuzz 1% -fill black -opaque "$ground" -fill white +opaque black \
        -crop "x$((height - 48 - 160))+0+0" +repage "$work/mask.png"
    box=$(convert "$work/mask.png" -define connected-components:verbose=true -connected-components 4 null: |
        awk '/gray\(255\)|srgb\(255,255,255\)|white/ { print $2; exit }')
    [[ $box =~ ^([0-9]+)x([0-9]+)\+ ]] || return 1
    [ "${BASH_REMATCH[1]}" -gt 200 ] && [ "${BASH_REMATCH[2]}" -gt 200 ] || return 1
    convert "$work/middle.png" -crop "$box" +repage -resize '32x32!' "$work/shown.png"
    convert "$first" -resize '32x32!' "$work/expected.png"
    difference=$(compare -metric RMSE "$work/shown.png" "$work/expected.png" null: 2>&1 | sed 's/.*(\(.*\)).*/\1/')
    awk "BEGIN { exit !($difference < 0.1) }"
}
within 15 seen || fail "the picture is not shown (found: ${box:-nothing}, difference from the file: ${difference:-unknown})"

click "$button_x" 150
xdotool key ctrl+Return
within 60 made 2 || fail "Ctrl+Enter made no second picture within 60 s"
sleep 1
shot window
cp "$work/window.png" "$out/window.png"

# The window manager's polite way, as a person would.
xdotool key alt+F4
gone() {
    ! kill -0 $program
}
within 15 gone || fail "the program still runs 15 s after its window was closed"
status=0
wait $program || status=$?
[ $status -eq 0 ] || fail "the program ended with status $status"
[ ! -s "$work/log" ] || fail "the program complained"
grep -q "$prompt" "$XDG_CONFIG_HOME/flux-qfaces/settings.json" || fail "the prompt was not remembered"
echo "window.sh: a picture was made and shown twice; see $out/window.png"
