//! Pairs the tensors of a LoRA's file with the layers of a model, by names and shapes alone.

use std::collections::{BTreeMap, HashMap};

use serde_json::{Map, Value};

use crate::engine::lora::foreign;
use crate::engine::lora::layouts::{Part, Role, Scheme, split, without_adapter};
use crate::engine::lora::pieces::{Change, Form, Pieces, Tensors, WRONG_SIZE};
use crate::engine::lora::report::Report;
use crate::engine::lora::targets::{Layer, Place, Targets};
use crate::engine::tensors::file::TensorFile;

/// What of a file acts on a model.
pub(crate) struct Matched {
    pub(crate) changes: Vec<Change>,
    pub(crate) report: Report,
}

/// Pairs a file with a model; `config` is what PEFT has written beside it.
///
/// # Errors
/// When nothing matches, the file widens the model, or it is for another one: what the file seems to be.
pub(crate) fn pair(
    file: &TensorFile,
    targets: &Targets,
    config: Option<&str>,
) -> Result<Matched, String> {
    let alphas = Alphas::of(file, config);
    let (layers, mut not_understood) = layers_of(file);
    let mut report = Report {
        layers: layers.len(),
        ..Report::default()
    };
    let unknown = layers.keys().filter(|layer| targets.find(layer).is_none());
    let unknown: Vec<String> = unknown.cloned().collect();
    if let Some(sentence) = foreign::relative(file, &unknown) {
        return Err(sentence);
    }
    let mut changes: Vec<(Change, &str)> = Vec::new();
    let mut wrong_sizes: Vec<Place> = Vec::new();
    for (layer, tensors) in layers {
        let Some((place, scheme)) = targets.find(&layer) else {
            not_understood.push(format!("{layer} (no such layer in this model)"));
            continue;
        };
        if widens(file, &tensors, place, targets) {
            return Err(foreign::WIDENS.to_owned());
        }
        let pieces = Pieces::new(file, &tensors);
        let checked = match targets.layer(place) {
            Some(Layer::Linear { input, .. }) => pieces.linear(place.rows.len(), input),
            Some(Layer::Norm(width)) => pieces.norm(width),
            None => continue,
        };
        let name = layer.strip_prefix(scheme.prefix).unwrap_or(&layer);
        let told = |rank| alphas.as_ref()?.factor(scheme, name, rank);
        let checked = checked.and_then(|form| Ok((form, pieces.factor(form, told)?)));
        match checked {
            Ok((form, factor)) => {
                let change = Change {
                    place: place.clone(),
                    form,
                    tensors,
                    factor,
                };
                changes.push((change, scheme.name));
            }
            Err(reason) => {
                wrong_sizes.extend((reason == WRONG_SIZE).then(|| place.clone()));
                not_understood.push(format!("{layer} ({reason})"));
            }
        }
    }
    // Another size in the transformer means another model, although names and some sizes are the same. But the input layer
    // differs among the relatives of FLUX.1 that its LoRAs fit.
    let is_of_other = |place: &Place| place.part == Part::Transformer && place.layer != "img_in";
    let has_unknown = !unknown.is_empty() || !wrong_sizes.is_empty();
    let has_weights = not_understood.iter().any(|name| name.ends_with(".weight"));
    let Some((_, scheme)) = changes.first().filter(|_| {
        !wrong_sizes.iter().any(is_of_other)
            && is_for_this_model(&changes, has_unknown, has_weights)
    }) else {
        return Err(foreign::describe(file, targets, !wrong_sizes.is_empty()));
    };
    (*scheme).clone_into(&mut report.layout);
    let changes = once_each(changes, &mut not_understood);
    report.matched = changes.len();
    report.ranks = ranks(file, &changes);
    form_name(&changes).clone_into(&mut report.form);
    report.miss(not_understood);
    Ok(Matched { changes, report })
}

/// The tensors of the layers that a file is about, by the names that it gives them, and the names of tensors that mean
/// nothing here, with the reason.
fn layers_of(file: &TensorFile) -> (BTreeMap<String, Tensors>, Vec<String>) {
    let mut layers: BTreeMap<String, Tensors> = BTreeMap::new();
    let mut not_understood = Vec::new();
    let names = file.names();
    let adapters = chosen_adapters(&names);
    for name in &names {
        if name.starts_with("bundle_emb.") {
            not_understood.push(format!("{name} (an embedding, which is not used)"));
            continue;
        }
        let (plain, adapter) = without_adapter(name);
        let chosen = adapters.get(first_word(name));
        if let Some(adapter) = adapter.filter(|adapter| chosen != Some(adapter)) {
            not_understood.push(format!("{name} (it belongs to another adapter, {adapter})"));
            continue;
        }
        let Some((layer, role)) = split(&plain) else {
            not_understood.push(name.clone());
            continue;
        };
        let layer = layers.entry(layer.to_owned()).or_default();
        let twice = layer.insert(role, name.clone());
        not_understood.extend(twice.map(|name| format!("{name} (it is there twice)")));
    }
    (layers, not_understood)
}

/// The adapter that counts in each part of a model, where a file may hold several of PEFT's: the one that is called
/// `default`, or the first by the alphabet.
fn chosen_adapters(names: &[String]) -> HashMap<&str, &str> {
    let mut chosen = HashMap::new();
    for name in names {
        if let (_, Some(adapter)) = without_adapter(name) {
            let kept = chosen.entry(first_word(name)).or_insert(adapter);
            let rank = |name: &str| (name != "default", name.to_owned());
            if rank(adapter) < rank(kept) {
                *kept = adapter;
            }
        }
    }
    chosen
}

/// What stands before the first dot of a name: the part of the model, in the namings of PEFT.
fn first_word(name: &str) -> &str {
    name.split('.').next().unwrap_or(name)
}

/// Whether what matches makes a file a LoRA for this model; `has_unknown` tells that it has layers that the model does not
/// have, or not in this size, `has_weights` that it has weights that are no part of a change. The first text encoder is that
/// of Stable Diffusion too, and a whole checkpoint has scales of norms.
fn is_for_this_model(changes: &[(Change, &str)], has_unknown: bool, has_weights: bool) -> bool {
    let mut changes = changes.iter().map(|(change, _)| change);
    let is_text = |change: &Change| change.place.part != Part::Transformer;
    let only_text = changes.clone().all(is_text);
    let only_norms = changes.all(|change| change.tensors.contains_key(&Role::Replacement));
    !(only_text && has_unknown || only_norms && has_weights)
}

/// The changes without those that diffusers' names say already: some files hold everything in two namings.
fn once_each(changes: Vec<(Change, &str)>, not_understood: &mut Vec<String>) -> Vec<Change> {
    let (first, others): (Vec<_>, Vec<_>) = changes
        .into_iter()
        .partition(|(_, scheme)| *scheme == "diffusers");
    let mut kept: Vec<Change> = first.into_iter().map(|(change, _)| change).collect();
    let said = kept.len();
    for (change, scheme) in others {
        let is_said = kept[..said].iter().any(|other| {
            let (ours, theirs) = (&change.place, &other.place);
            (ours.part, &ours.layer) == (theirs.part, &theirs.layer)
                && ours.rows.start < theirs.rows.end
                && theirs.rows.start < ours.rows.end
        });
        if is_said {
            let layer = &change.place.layer;
            not_understood.push(format!(
                "{layer} as by {scheme} (diffusers' names say it already)"
            ));
        } else {
            kept.push(change);
        }
    }
    kept
}

/// Whether a file is for a model with a wider input, such as those for control pictures.
fn widens(file: &TensorFile, tensors: &Tensors, place: &Place, targets: &Targets) -> bool {
    let wanted = match targets.layer(place) {
        Some(Layer::Linear { input, .. }) if place.layer == "img_in" => input,
        _ => return false,
    };
    let found = tensors.get(&Role::Down).and_then(|name| file.shape(name));
    found.is_some_and(|shape| {
        shape.len() == 2 && shape[1] > wanted && shape[1].is_multiple_of(wanted)
    })
}

/// The smallest and the largest rank.
fn ranks(file: &TensorFile, changes: &[Change]) -> Option<(usize, usize)> {
    let rank = |change: &Change| Pieces::new(file, &change.tensors).rank(change.form);
    let ranks = changes.iter().filter_map(rank);
    Some((ranks.clone().min()?, ranks.max()?))
}

/// What people call the form of the changes.
fn form_name(changes: &[Change]) -> &'static str {
    let mut tensors = changes.iter().map(|change| &change.tensors);
    let dora = [Role::Magnitude, Role::DoraScale];
    let is_dora = tensors.any(|tensors| dora.iter().any(|role| tensors.contains_key(role)));
    match changes.iter().map(|change| change.form).min() {
        _ if is_dora => "DoRA",
        Some(Form::LowRank) => "LoRA",
        Some(Form::Hadamard) => "LoHa",
        Some(Form::Kronecker) => "LoKr",
        _ => "full difference",
    }
}

/// The values of PEFT's `LoraConfig`, which tell what a LoRA's alphas are where they are no tensors.
///
/// [diffusers](https://github.com/huggingface/diffusers/blob/v0.35.1/src/diffusers/loaders/lora_base.py) writes them as JSON
/// under `lora_adapter_metadata`, with the part of the model in front (`_pack_dict_with_prefix`), and without where a
/// model alone is saved; [PEFT](https://github.com/huggingface/peft/blob/v0.17.0/src/peft/config.py) writes
/// `adapter_config.json`.
struct Alphas(Map<String, Value>);

impl Alphas {
    /// Those of a file, and else those of the configuration beside it.
    fn of(file: &TensorFile, config: Option<&str>) -> Option<Self> {
        let notes = file.notes();
        let header = notes.get("lora_adapter_metadata").map(String::as_str);
        let mut texts = header.into_iter().chain(config);
        texts.find_map(|text| match serde_json::from_str(text).ok()? {
            Value::Object(object) => Some(Self(object)),
            _ => None,
        })
    }

    /// The factor of a layer of this rank, whose name behind the prefix of its scheme is `name`; `None` where nothing is told.
    ///
    /// PEFT takes the names in a pattern for regular expressions at the end of a layer's name, or for the whole of it after
    /// a `^`; diffusers writes plain names there.
    fn factor(&self, scheme: &Scheme, name: &str, rank: usize) -> Option<f64> {
        let value = |value: &str| {
            let whole = self.0.get(&format!("{}{value}", scheme.prefix));
            whole.or_else(|| self.0.get(value))
        };
        let pattern = value("alpha_pattern").and_then(Value::as_object);
        let own = pattern.and_then(|pattern| {
            let matching = |(key, _): &(&String, &Value)| match key.strip_prefix('^') {
                Some(whole) => name == whole,
                None => name == *key || name.ends_with(&format!(".{key}")),
            };
            pattern.iter().find(matching)?.1.as_f64()
        });
        let alpha = own.or_else(|| value("lora_alpha")?.as_f64())?;
        let stabilised = value("use_rslora").and_then(Value::as_bool) == Some(true);
        let rank = rank as f64;
        Some(alpha / if stabilised { rank.sqrt() } else { rank })
    }
}
