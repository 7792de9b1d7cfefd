//! Pairs the tensors of a LoRA's file with the layers of a model, by names and shapes alone.

use std::collections::{BTreeMap, HashMap};

use crate::engine::lora::alphas::Alphas;
use crate::engine::lora::change::{Change, Form, Tensors};
use crate::engine::lora::foreign;
use crate::engine::lora::layouts::{Part, Role, split, without_adapter};
use crate::engine::lora::pieces::{Pieces, WRONG_SIZE};
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
    let Layers {
        layers,
        mut not_understood,
    } = Layers::of(file);
    let mut report = Report {
        layers: layers.len(),
        ..Report::default()
    };
    let unknown: Vec<String> = layers
        .keys()
        .filter(|layer| targets.find(layer).is_none())
        .cloned()
        .collect();
    if let Some(sentence) = foreign::relative(file, &unknown) {
        return Err(sentence.to_owned());
    }
    let mut changes: Vec<(Change, &str)> = Vec::new();
    let mut wrong_sizes = WrongSizes::default();
    for (layer, tensors) in layers {
        let Some((place, scheme)) = targets.find(&layer) else {
            not_understood.push(format!("{layer} (no such layer in this model)"));
            continue;
        };
        if widens(file, &tensors, place, targets) {
            return Err(foreign::WIDENS.to_owned());
        }
        let pieces = Pieces {
            file,
            tensors: &tensors,
        };
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
                if reason == WRONG_SIZE {
                    wrong_sizes.note(place);
                }
                not_understood.push(format!("{layer} ({reason})"));
            }
        }
    }
    let Some((_, scheme)) = changes.first().filter(|_| {
        let names = Names {
            unknown: !unknown.is_empty() || wrong_sizes.any,
            whole_weights: not_understood.iter().any(|name| name.ends_with(".weight")),
        };
        !wrong_sizes.of_transformer && is_for_this_model(&changes, names)
    }) else {
        return Err(foreign::describe(file, targets, wrong_sizes.any));
    };
    (*scheme).clone_into(&mut report.layout);
    let changes = once_each(changes, &mut not_understood);
    report.matched = changes.len();
    report.ranks = ranks(file, &changes);
    form_name(&changes).clone_into(&mut report.form);
    report.miss(not_understood);
    Ok(Matched { changes, report })
}

/// The layers that a file is about.
struct Layers {
    /// Their tensors by the names that the file gives them.
    layers: BTreeMap<String, Tensors>,
    /// The names of tensors that mean nothing here, with the reason.
    not_understood: Vec<String>,
}

impl Layers {
    fn of(file: &TensorFile) -> Self {
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
            let Some((layer, role)) = split(&plain).map(|(layer, role)| (layer.to_owned(), role))
            else {
                not_understood.push(name.clone());
                continue;
            };
            let twice = layers.entry(layer).or_default().insert(role, name.clone());
            not_understood.extend(twice.map(|name| format!("{name} (it is there twice)")));
        }
        Self {
            layers,
            not_understood,
        }
    }
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

/// Whether layers have another size than the model's.
#[derive(Default)]
struct WrongSizes {
    any: bool,
    /// One of the transformer's: the file is for another model, although names and some sizes are the same. The input
    /// layer differs among the relatives of FLUX.1 that its LoRAs fit.
    of_transformer: bool,
}

impl WrongSizes {
    fn note(&mut self, place: &Place) {
        self.any = true;
        self.of_transformer |= place.part == Part::Transformer && place.layer != "img_in";
    }
}

/// What a file has besides what matches.
#[derive(Clone, Copy)]
struct Names {
    /// Layers that this model does not have, or not in this size.
    unknown: bool,
    /// Weights that are no part of a change.
    whole_weights: bool,
}

/// Whether what matches makes a file a LoRA for this model. The first text encoder is that of Stable Diffusion too, and a
/// whole checkpoint has scales of norms.
fn is_for_this_model(changes: &[(Change, &str)], names: Names) -> bool {
    let mut changes = changes.iter().map(|(change, _)| change);
    let only_text = changes
        .clone()
        .all(|change| change.place.part != Part::Transformer);
    let only_norms = changes.all(|change| change.tensors.contains_key(&Role::Replacement));
    !(only_text && names.unknown || only_norms && names.whole_weights)
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
    let ranks = changes.iter().filter_map(|change| {
        let pieces = Pieces {
            file,
            tensors: &change.tensors,
        };
        pieces.rank(change.form)
    });
    let ranks: Vec<_> = ranks.collect();
    Some((*ranks.iter().min()?, *ranks.iter().max()?))
}

/// What people call the form of the changes.
fn form_name(changes: &[Change]) -> &'static str {
    let has = |role| {
        changes
            .iter()
            .any(|change| change.tensors.contains_key(&role))
    };
    let form = changes.iter().map(|change| change.form).min();
    match form {
        _ if has(Role::Magnitude) || has(Role::DoraScale) => "DoRA",
        Some(Form::LowRank) => "LoRA",
        Some(Form::Hadamard) => "LoHa",
        Some(Form::Kronecker) => "LoKr",
        _ => "full difference",
    }
}
