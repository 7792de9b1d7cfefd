#!/bin/bash
# Drives the real window with real clicks and keys: window.sh BINARY OUTDIR
#
# Starts a display of its own (desk.sh), types a prompt, clicks Generate, waits for the picture's file, checks that the
# picture is on the screen, and takes a second one with Ctrl+Enter. Then it drops the first picture on the window, paints
# over the hat, generates, and checks that only what is under the mask has changed; drops a mask, and checks that it was
# used; and drops a LoRA. Then it opens the window a second time with three LoRAs from a server on loopback. Leaves
# window.png, canvas.png and loras.png in OUTDIR and closes the window. Ends with 0 only if everything went well; otherwise
# it says what did not.
#
# The picture on the canvas is found as the largest thing there that has not the colour of the ground.
set -euo pipefail
. "$(dirname "$(realpath "$0")")/desk.sh"
prompt='a smiling green face with round glasses and a red hat on a yellow background'

# PNG, because it is checked to the last bit what has changed. The page of models is known already.
printf '{"theme":"dark","knows_models":true,"output_folder":"%s","inputs":{"output_format":"png"}}' "$pictures" >"$settings"
open_window

click_prompt
xdotool type --delay 10 "$prompt"
sleep 0.5
click "$button_x" "$button_y"

within 60 made 1 || fail "no picture appeared in the output folder within 60 s"
first=$(newest)
"$binary" inspect "$first" | grep -q "$prompt" || fail "the picture does not carry the prompt that was typed"

# Finds the largest thing that has not the colour of the ground in the part $1 of a screenshot, and compares it with the
# picture $2. Leaves its place on the window in box_x, box_y, box_w and box_h.
ground='#121514'
find_picture() {
    shot after
    convert "$work/after.png" -crop "$1" +repage "$work/middle.png"
    convert "$work/middle.png" -fuzz 1% -fill black -opaque "$ground" -fill white +opaque black "$work/mask.png"
    box=$(convert "$work/mask.png" -define connected-components:verbose=true -connected-components 4 null: |
        awk '/gray\(255\)|srgb\(255,255,255\)|white/ { print $2; exit }')
    [[ $box =~ ^([0-9]+)x([0-9]+)\+([0-9]+)\+([0-9]+)$ ]] || return 1
    box_w=${BASH_REMATCH[1]} box_h=${BASH_REMATCH[2]} box_x=${BASH_REMATCH[3]} box_y=${BASH_REMATCH[4]}
    [ "$box_w" -gt 200 ] && [ "$box_h" -gt 200 ] || return 1
    convert "$work/middle.png" -crop "$box" +repage -resize '32x32!' "$work/shown.png"
    convert "$2" -resize '32x32!' "$work/expected.png"
    difference=$(compare -metric RMSE "$work/shown.png" "$work/expected.png" null: 2>&1 | sed 's/.*(\(.*\)).*/\1/')
    [[ $1 =~ \+([0-9]+)\+([0-9]+)$ ]] && box_x=$((box_x + BASH_REMATCH[1])) box_y=$((box_y + BASH_REMATCH[2]))
    awk "BEGIN { exit !($difference < 0.1) }"
}
# The picture must be on the screen, not only in its file. The form on the left and the details on the right keep out.
viewer=$((width - 336 - 280))x$((height - 48 - 160))+336+48
within 15 find_picture "$viewer" "$first" ||
    fail "the picture is not shown (found: ${box:-nothing}, difference from the file: ${difference:-unknown})"

click_prompt
xdotool key ctrl+Return
within 60 made 2 || fail "Ctrl+Enter made no second picture within 60 s"
keep window

# A real drag of a file, let go in the left part of the window: a starting picture.
drop() {
    "$here/drop.py" "$window" "$@" || fail "the drop of ${*: -1} was refused"
}
drop 300 400 "$first" --hover 0.5
canvas=$((width - 448))x$((height - 156 - 160))+448+156
within 15 find_picture "$canvas" "$first" ||
    fail "the dropped picture is not on the canvas (found: ${box:-nothing}, difference: ${difference:-unknown})"

# A place on the canvas, in hundredths of the picture.
at() {
    xdotool mousemove --window "$window" $((box_x + box_w * $1 / 100)) $((box_y + box_h * $2 / 100))
    sleep 0.05
}
# A wider brush, and three strokes over the hat.
at 50 50
for _ in 1 2 3 4 5 6; do xdotool key bracketright; done
for y in 15 25 35; do
    at 12 $y
    xdotool mousedown 1
    for x in 20 35 50 65 80 88; do at $x $y; done
    xdotool mouseup 1
    sleep 0.1
done
at 50 90
keep canvas

click_prompt
xdotool key ctrl+a
repainted='a smiling green face with round glasses and a blue hat on a yellow background'
xdotool type --delay 10 "$repainted"
click "$button_x" "$button_y"
within 60 made 3 || fail "no picture was made of the one on the canvas within 60 s"
third=$(newest)
"$binary" inspect "$third" | grep -q "$repainted" || fail "the repainted picture does not carry its prompt"

# The mask that a picture carries in its record.
mask_of() {
    "$binary" inspect "$1" | /usr/bin/python3 -c 'import base64, json, sys
sys.stdout.buffer.write(base64.b64decode(json.load(sys.stdin)["record"]["mask"]))' >"$2"
}
mask_of "$third" "$work/painted.png" || fail "the repainted picture carries no mask"
# The greatest difference between two pictures where the mask $3 is white.
greatest() {
    convert "$1" "$2" -compose difference -composite -colorspace sRGB \( "$3" -colorspace sRGB \) \
        -compose multiply -composite -format '%[fx:maxima]' info:
}
# From 128 on a pixel counts as painted.
convert "$work/painted.png" -threshold 50% -negate "$work/kept.png"
share=$(convert "$work/painted.png" -colorspace Gray -format '%[fx:mean]' info:)
awk "BEGIN { exit !($share > 0.15 && $share < 0.6) }" || fail "the painted part is $share of the picture"
outside=$(greatest "$first" "$third" "$work/kept.png")
inside=$(greatest "$first" "$third" "$work/painted.png")
[ "$outside" = 0 ] || fail "outside the mask a pixel has changed by $outside"
awk "BEGIN { exit !($inside > 0.3) }" || fail "under the mask hardly anything has changed ($inside)"

# A mask that is dropped on its place, by a source that lets the pointer go late.
convert -size 128x128 xc:black -fill white -draw 'rectangle 0,90 127,127' "$work/dropped.png"
drop 640 400 "$work/dropped.png" --late
sleep 2
click "$button_x" "$button_y"
within 60 made 4 || fail "no picture was made with the dropped mask within 60 s"
mask_of "$(newest)" "$work/used.png"
difference=$(compare -metric AE "$work/dropped.png" "$work/used.png" null: 2>&1 || true)
[ "${difference%% *}" = 0 ] || fail "the dropped mask was not the one that was used ($difference pixels differ)"

# A LoRA that is dropped anywhere acts in the next picture.
lora=$here/../assets/demo/lora
drop 640 400 "$lora/qface-lora.safetensors"
sleep 2
click "$button_x" "$button_y"
within 60 made 5 || fail "no picture was made with the dropped LoRA within 60 s"
matched() {
    "$binary" inspect "$(newest)" | /usr/bin/python3 -c 'import json, sys
print(*[lora["report"]["matched"] for lora in json.load(sys.stdin)["record"]["loras"]])'
}
[ "$(matched)" = 52 ] || fail "the dropped LoRA did not act on 52 layers ($(matched))"

close
grep -q "$repainted" "$settings" || fail "the prompt was not remembered"

# The same LoRA from a server: as Replicate's archive, as a file on Hugging Face and behind a link. The window looks them
# up when it opens; the job waits for them.
"$here/lora_server.py" "$lora" >"$work/address" &
children+=($!)
within 10 test -s "$work/address" || fail "the server of LoRAs did not start"
address=$(cat "$work/address")
export REPLICATE_ENDPOINT=$address HF_ENDPOINT=$address
/usr/bin/python3 - "$settings" "$address" <<'PYTHON'
import json, sys
path, address = sys.argv[1:]
settings = json.load(open(path))
settings["inputs"] = {
    "prompt": "QFACE, a smiling man", "output_format": "png", "num_inference_steps": 4,
    "replicate_weights": "owner/qfaces", "lora_scale": 0.4,
    "extra_lora": "huggingface.co/owner/qfaces", "extra_lora_scale": 0.3,
    "more_loras": [{"lora": f"{address}/qface-lora.safetensors?v=1", "scale": 0.3}],
}
json.dump(settings, open(path, "w"))
PYTHON
open_window
click_prompt
xdotool key ctrl+Return
within 60 made 6 || fail "no picture was made with the LoRAs of the server within 60 s"
[ "$(matched)" = '52 52 52' ] || fail "the three LoRAs of the server did not act on 52 layers each ($(matched))"
scroll 160 500 14
keep loras
close

echo "window.sh: pictures were made, shown, dropped and repainted, also with LoRAs; see the pictures in $out"
