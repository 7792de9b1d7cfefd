#!/bin/sh
# Makes the fonts in this folder from the npm packages inter-ui 4.1.1 (OFL) and @phosphor-icons/web 2.1.2 (MIT).
# Needs npm and fonttools with brotli (pip install fonttools brotli). Run it here; the results are committed.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm pack --silent inter-ui@4.1.1 @phosphor-icons/web@2.1.2
for package in *.tgz; do
    mkdir "${package%.tgz}" && tar xzf "$package" -C "${package%.tgz}" --strip-components=1
done

# Latin, Greek, Cyrillic, punctuation, arrows and signs that prompts and sentences use; the rest comes from egui's own fonts.
letters='U+0020-024F,U+0259,U+0300-036F,U+0370-03FF,U+0400-04FF,U+1E00-1EFF,U+2010-2027,U+2030-203A,U+20AC,U+2122,U+2190-2193,U+2212,U+221E,U+2260,U+2264,U+2265'
for weight in Regular SemiBold; do
    fonttools ttLib.woff2 decompress -o "Inter-$weight.ttf" "inter-ui-4.1.1/web/Inter-$weight.woff2"
    pyftsubset "Inter-$weight.ttf" --unicodes="$letters" --layout-features='kern,liga,calt,ccmp,locl,mark,mkmk' \
        --no-hinting --output-file="$here/Inter-$weight.ttf"
done
cp inter-ui-4.1.1/LICENSE.txt "$here/Inter-LICENSE.txt"

# One glyph per name in ui/icons.rs.
icons='arrow-counter-clockwise arrow-square-out caret-down caret-right caret-up check-circle clipboard-text copy desktop dice-five
folder-open gear-six image image-broken info keyboard list-dashes moon pause play prohibit question shuffle sidebar-simple
smiley smiley-sad sparkle sun trash warning-circle x hourglass clock arrows-out sliders-horizontal
paint-brush eraser rectangle circle lasso polygon paint-bucket hand arrow-u-up-left arrow-u-up-right circle-half
selection-all selection-plus selection-slash selection-inverse magnifying-glass crop arrow-clockwise eye eye-slash upload-simple
floppy-disk clipboard square-split-horizontal check mask-happy pencil-simple plus download-simple'
codes=
for icon in $icons; do
    code=$(grep -A1 "^\.ph\.ph-$icon:before" phosphor-icons-web-2.1.2/src/regular/style.css | sed -n 's/.*content: "\\\(.*\)".*/\1/p')
    echo "$icon $code"
    codes="$codes,U+$code"
done
pyftsubset phosphor-icons-web-2.1.2/src/regular/Phosphor.ttf --unicodes="${codes#,}" --layout-features='' --no-hinting --output-file="$here/Phosphor.ttf"
cp phosphor-icons-web-2.1.2/LICENSE "$here/Phosphor-LICENSE.txt"
