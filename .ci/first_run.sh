#!/bin/bash
# Opens the real window for the first time and gets a model: first_run.sh BINARY OUTDIR
#
# A server on loopback (model_server.py) has a synthetic FLUX.1-schnell. Clicks Download, is refused for want of a token,
# gives one, sees the connection break off and the download go on, pauses it and goes on; checks that every file has its
# place and its sum, and that the model runs. Its random checker withholds its random picture: that must leave a card and
# no file. After a restart the model runs again, and without the checker it makes a picture. Then the model is put into the
# trash. Leaves gated.png, arriving.png, model.png, withheld.png and doomed.png in OUTDIR. Ends with 0 only if everything went well.
#
# The page of models is clicked by places that were measured in a window of 1280 × 800.
set -euo pipefail
. "$(dirname "$(realpath "$0")")/desk.sh"

catalog=$work/catalog.json
models=$XDG_DATA_HOME/flux-qfaces/models
"$here/model_server.py" "$here/../tests/data" "$catalog" >"$work/address" &
children+=($!)
within 10 test -s "$work/address" || fail "the server of models did not start"
HF_ENDPOINT=$(cat "$work/address")
export HF_ENDPOINT FLUX_QFACES_CATALOG=$catalog
printf '{"theme":"dark","output_folder":"%s","inputs":{"output_format":"png","megapixels":"0.25","num_inference_steps":4}}' \
    "$pictures" >"$settings"
open_window

# Where things are on the page of models.
get=(430 239) download=(418 560) token=(760 265) pause=(1178 145)
tab=(552 89) use_demo=(1194 185) delete=(1150 245) trash=(432 333)

# The download is refused, and a token opens it.
sleep 1
click "${get[@]}"
sleep 0.5
click "${download[@]}"
sleep 1
keep gated
click "${token[@]}"
xdotool type --delay 10 hf_synthetic
xdotool key Return

# What has arrived of a file that is not complete, in bytes.
arrived() {
    stat -c %s "$models"/.parts/*.part 2>/dev/null | sort -n | tail -n 1
}
# The server has broken off after a quarter: whatever is more has come after that.
goes_on() {
    [ "$(arrived)" -gt 60000 ]
}
within 20 goes_on || fail "the download did not go on after its connection broke off"
keep arriving
click "${pause[@]}"
sleep 1
halted=$(arrived)
sleep 1
[ "$(arrived)" = "$halted" ] || fail "the download goes on although it is paused"
[ ! -e "$models/diffusion_models/flux1-schnell.safetensors" ] || fail "a part has got the place of the whole"
click "${pause[@]}"

whole() {
    /usr/bin/python3 - "$catalog" "$models" <<'PYTHON'
import hashlib, json, pathlib, sys
catalog, models = sys.argv[1:]
for file in json.load(open(catalog))["files"].values():
    contents = (pathlib.Path(models) / file["place"]).read_bytes()
    assert hashlib.sha256(contents).hexdigest() == file["sha256"], file["place"]
PYTHON
}
within 30 whole || fail "not every file of the model is in its place"
chosen() {
    grep -q '"model": ".*flux1-schnell.safetensors"' "$settings"
}
within 10 chosen || fail "the model that has arrived does not run"
keep model

# Its picture is withheld: a card, and no file.
click_prompt
xdotool type --delay 10 'a green face'
xdotool key ctrl+Return
waits() {
    grep -q 'a green face' "$XDG_STATE_HOME/flux-qfaces/queue.json"
}
ended() {
    ! waits
}
within 10 waits || fail "no job was queued"
within 60 ended || fail "the job did not end within 60 s"
keep withheld
! made 1 || fail "a picture that was withheld has been saved"
close

# The model runs again after a restart, and without the checker there is a picture.
/usr/bin/python3 - "$settings" "$XDG_STATE_HOME/flux-qfaces/state.json" <<'PYTHON'
import json, sys
assert json.load(open(sys.argv[2]))["knows_models"], "the first page would come again"
settings = json.load(open(sys.argv[1]))
settings["inputs"]["disable_safety_checker"] = True
json.dump(settings, open(sys.argv[1], "w"))
PYTHON
open_window
click_prompt
xdotool key ctrl+Return
within 60 made 1 || fail "the model made no picture within 60 s"
"$binary" inspect "$(newest)" | grep -q '"model": "flux1-schnell.safetensors"' || fail "another model has made the picture"

# The demo model takes over, and the model goes into the trash with the parts that only it has used.
click "${tab[@]}"
click "${use_demo[@]}"
unchosen() {
    ! grep -q '"model": ".*flux1-schnell.safetensors"' "$settings"
}
within 10 unchosen || fail "the demo model does not take over"
sleep 1
click "${delete[@]}"
keep doomed
click "${trash[@]}"
in_trash() {
    for name in flux1-schnell t5xxl_fp16 clip_l ae; do
        [ -f "$XDG_DATA_HOME/Trash/files/$name.safetensors" ] || return 1
    done
    [ ! -e "$models/diffusion_models/flux1-schnell.safetensors" ]
}
within 10 in_trash || fail "the model is not in the trash"
close
echo "first_run.sh: a model was downloaded, has run and is in the trash; see the pictures in $out"
