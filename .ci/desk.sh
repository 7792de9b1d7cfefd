# A display of its own with the program on it, for scripts that drive the real window: . desk.sh BINARY OUTDIR
#
# Needs xvfb, xdotool, openbox, imagemagick and python3-xlib. Everything of the user lies in $work, which is taken away at
# the end. Screenshots land in $out.
#
# Where scripts click: the prompt is asked for by its place in the form, a fixed distance below the top left corner; the
# Generate button is found in a screenshot as the one large area in the accent colour of the dark theme (ui/theme.rs).

binary=$(realpath "$1")
mkdir -p "$2"
out=$(realpath "$2")
script=$(basename "$0")
here=$(dirname "$(realpath "$0")")
width=1280 height=800
accent='#35C397'

work=$(mktemp -d)
export HOME=$work/home XDG_CONFIG_HOME=$work/config XDG_STATE_HOME=$work/state XDG_DATA_HOME=$work/data
export XDG_RUNTIME_DIR=$work/run XDG_CACHE_HOME=$work/cache LIBGL_ALWAYS_SOFTWARE=1
unset WAYLAND_DISPLAY HF_HUB_CACHE HF_HOME HF_TOKEN
mkdir -p "$HOME" "$XDG_CONFIG_HOME/flux-qfaces" "$XDG_RUNTIME_DIR"
chmod 700 "$XDG_RUNTIME_DIR"
settings=$XDG_CONFIG_HOME/flux-qfaces/settings.json
pictures=$work/pictures

children=()
finish() {
    kill "${children[@]}" 2>/dev/null || true
    rm -rf "$work"
}
trap finish EXIT

fail() {
    echo "$script: FAILED: $*" >&2
    import -window root "$out/failed.png" 2>/dev/null && echo "$script: the screen is in $out/failed.png" >&2
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

for tool in Xvfb xdotool openbox import convert compare /usr/bin/python3; do
    command -v $tool >/dev/null || fail "$tool is not installed"
done

# The server picks a free number and writes it down. The screen has room for the window's frame. Without -noreset it would
# begin anew when the first who asks it something leaves, and turn whoever comes then away.
Xvfb -noreset -displayfd 3 -screen 0 $((width + 40))x$((height + 80))x24 -nolisten tcp 3>"$work/display" >/dev/null 2>&1 &
children+=($!)
within 10 test -s "$work/display" || fail "Xvfb did not start"
DISPLAY=:$(cat "$work/display")
export DISPLAY
within 10 xdpyinfo || fail "the display $DISPLAY does not answer"
openbox >/dev/null 2>&1 &
children+=($!)

find_window() {
    kill -0 $program || return 0
    window=$(xdotool search --onlyvisible --name '^Flux QFaces$' | tail -n 1)
    [ -n "$window" ]
}
# Starts the program and waits until its form is on the screen.
open_window() {
    # Under the pointer the button has another colour.
    xdotool mousemove 1 1
    "$binary" >"$work/log" 2>&1 &
    program=$!
    children+=($program)
    within 30 find_window || fail "no window appeared within 30 s"
    kill -0 $program 2>/dev/null || fail "the program ended at its start"
    xdotool windowmove "$window" 10 10 windowsize "$window" $width $height windowfocus "$window"
    within 30 find_button || fail "the Generate button is not on the screen"
}

shot() {
    import -window "$window" "$work/$1.png"
}
# Leaves a screenshot in OUTDIR.
keep() {
    sleep 1
    shot "$1"
    cp "$work/$1.png" "$out/$1.png"
}
# Finds what is left of the accent colour when thin lines are taken away.
find_button() {
    shot look
    local button
    button=$(convert "$work/look.png" -fuzz 2% -fill black +opaque "$accent" -fill white -opaque "$accent" \
        -morphology Erode Square:8 -format '%@' info:)
    [[ $button =~ ^([0-9]+)x([0-9]+)\+([0-9]+)\+([0-9]+)$ ]] || return 1
    [ "${BASH_REMATCH[1]}" -gt 200 ] && [ "${BASH_REMATCH[2]}" -gt 20 ] || return 1
    button_x=$((BASH_REMATCH[3] + BASH_REMATCH[1] / 2))
    button_y=$((BASH_REMATCH[4] + BASH_REMATCH[2] / 2))
}

click() {
    xdotool mousemove --window "$window" "$1" "$2"
    sleep 0.2
    xdotool click 1
    sleep 0.3
}
# Turns the wheel at $1 $2, $3 times.
scroll() {
    xdotool mousemove --window "$window" "$1" "$2"
    for _ in $(seq "$3"); do xdotool click "${4:-5}"; done
    sleep 0.5
}
# Puts the cursor into the prompt.
click_prompt() {
    click "$button_x" 150
}

made() {
    [ "$(find "$pictures" -name '*.png' -not -name '.*' 2>/dev/null | wc -l)" -ge "$1" ]
}
newest() {
    find "$pictures" -name '*.png' -not -name '.*' -printf '%T@ %p\n' | sort -n | tail -n 1 | cut -d ' ' -f 2-
}

# Ends the program in the window manager's polite way, as a person would.
close() {
    xdotool key alt+F4
    gone() {
        ! kill -0 $program
    }
    within 15 gone || fail "the program still runs 15 s after its window was closed"
    status=0
    wait $program || status=$?
    [ $status -eq 0 ] || fail "the program ended with status $status"
    [ ! -s "$work/log" ] || fail "the program complained"
}
