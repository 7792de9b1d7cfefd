//! Pairs the tensors of a LoRA's file with the layers of a model, by names and shapes alone.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::engine::Error;
use crate::engine::checkpoint::safetensors::TensorFile;
use crate::engine::lora::foreign;
use crate::engine::lora::layouts::{Part, Role, split, without_adapter};
use crate::engine::lora::report::Report;
use crate::engine::lora::targets::{Layer, Place, Targets};
use crate::weights::Contents;

/// What of a file acts on a model.
pub(crate) struct Matched {
    pub(crate) changes: Vec<Change>,
    pub(crate) report: Report,
}

/// The change of one layer, or of some of its rows, in the file's own words.
pub(crate) struct Change {
    pub(crate) place: Place,
    pub(crate) form: Form,
    /// The names of its tensors.
    pub(crate) tensors: Tensors,
    /// What the change is multiplied by at scale 1: alpha / rank, or 1 without an alpha.
    pub(crate) factor: f64,
}

/// Tensors by their roles.
pub(crate) type Tensors = BTreeMap<Role, String>;

/// How a change is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Form {
    LowRank,
    Hadamard,
    Kronecker,
    Whole,
    /// Only a bias, or the scale of a norm.
    Small,
}

/// Pairs a file with a model.
///
/// # Errors
/// When nothing matches, or the file widens the model: what the file seems to be.
pub(crate) fn pair(file: &TensorFile, targets: &Targets) -> Result<Matched, String> {
    let metadata = PeftMetadata::of(file);
    let mut layers: BTreeMap<String, Tensors> = BTreeMap::new();
    let mut not_understood = Vec::new();
    for name in file.names() {
        if name.starts_with("bundle_emb.") {
            not_understood.push(format!("{name} (an embedding, which is not used)"));
            continue;
        }
        let Some((layer, role)) =
            split(&without_adapter(&name)).map(|(layer, role)| (layer.to_owned(), role))
        else {
            not_understood.push(name);
            continue;
        };
        let twice = layers.entry(layer).or_default().insert(role, name);
        not_understood.extend(twice.map(|name| format!("{name} (it is there twice)")));
    }
    let mut report = Report {
        layers: layers.len(),
        ..Report::default()
    };
    let unknown: Vec<String> = layers
        .keys()
        .filter(|layer| targets.find(layer).is_none())
        .cloned()
        .collect();
    if let Some(sentence) = foreign::relative(&unknown) {
        return Err(sentence.to_owned());
    }
    let mut changes: Vec<(Change, &str)> = Vec::new();
    let mut wrong_sizes = 0;
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
        let checked = checked.and_then(|form| {
            let factor = pieces.factor(form, metadata.as_ref(), &layer)?;
            Ok((form, factor))
        });
        match checked {
            Ok((form, factor)) => {
                let change = Change {
                    place: place.clone(),
                    form,
                    tensors,
                    factor,
                };
                changes.push((change, scheme));
            }
            Err(reason) => {
                wrong_sizes += usize::from(reason == WRONG_SIZE);
                not_understood.push(format!("{layer} ({reason})"));
            }
        }
    }
    let Some((_, scheme)) = changes.first().filter(|_| {
        let names = Names {
            unknown: !unknown.is_empty() || wrong_sizes > 0,
            whole_weights: not_understood.iter().any(|name| name.ends_with(".weight")),
        };
        is_for_this_model(&changes, names)
    }) else {
        return Err(foreign::describe(file, targets, wrong_sizes > 0));
    };
    (*scheme).clone_into(&mut report.layout);
    let changes = once_each(changes, &mut not_understood);
    report.matched = changes.len();
    report.ranks = ranks(file, &changes);
    form_name(&changes).clone_into(&mut report.form);
    report.miss(not_understood);
    Ok(Matched { changes, report })
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

/// The reason that a change has another size than its layer.
const WRONG_SIZE: &str = "it has another size than the model's";

/// The tensors of one layer.
struct Pieces<'a> {
    file: &'a TensorFile,
    tensors: &'a Tensors,
}

impl Pieces<'_> {
    /// The shape of a piece as a matrix; the ones that convolutions carry are left out.
    fn matrix(&self, role: Role) -> Option<[usize; 2]> {
        let shape = self.file.shape(self.tensors.get(&role)?)?;
        match *shape {
            [rows, columns] | [rows, columns, 1] | [rows, columns, 1, 1] => Some([rows, columns]),
            _ => None,
        }
    }

    /// How many numbers a piece has; `None` where there is no such piece.
    fn count(&self, role: Role) -> Option<usize> {
        let shape = self.file.shape(self.tensors.get(&role)?)?;
        Some(shape.iter().product())
    }

    /// Whether a product of two pieces is there, and its shape with its rank between.
    fn product(&self, up: Role, down: Role) -> Result<Option<[usize; 3]>, &'static str> {
        let has = |role| self.tensors.contains_key(&role);
        if !has(up) && !has(down) {
            return Ok(None);
        }
        let (Some([output, rank]), Some([other, input])) = (self.matrix(up), self.matrix(down))
        else {
            return Err("half of it is missing");
        };
        if rank == other && rank > 0 {
            Ok(Some([output, rank, input]))
        } else {
            Err("its halves do not fit one another")
        }
    }

    /// A factor that may be whole or a product, and its shape.
    fn factor_shape(
        &self,
        whole: Role,
        up: Role,
        down: Role,
    ) -> Result<Option<[usize; 2]>, &'static str> {
        if let Some(shape) = self.matrix(whole) {
            return Ok(Some(shape));
        }
        let product = self.product(up, down)?;
        Ok(product.map(|[output, _, input]| [output, input]))
    }

    /// The form of the change of a linear layer; says what is wrong with it.
    fn linear(&self, output: usize, input: usize) -> Result<Form, &'static str> {
        let low_rank = self.product(Role::Up, Role::Down)?;
        let first = self.product(Role::HadamardUp1, Role::HadamardDown1)?;
        let second = self.product(Role::HadamardUp2, Role::HadamardDown2)?;
        let left = self.factor_shape(Role::Left, Role::LeftUp, Role::LeftDown)?;
        let right = self.factor_shape(Role::Right, Role::RightUp, Role::RightDown)?;
        let wanted = [output, input];
        let outer = |product: [usize; 3]| [product[0], product[2]];
        let (form, shape) = match (low_rank, first.zip(second), left.zip(right)) {
            (Some(product), ..) => (Form::LowRank, outer(product)),
            (_, Some((first, second)), _) if outer(first) == outer(second) => {
                (Form::Hadamard, outer(first))
            }
            (_, _, Some(([a, b], [c, d]))) => {
                let size = |x: usize, y: usize| x.checked_mul(y).unwrap_or_default();
                (Form::Kronecker, [size(a, c), size(b, d)])
            }
            _ => match self.matrix(Role::Difference) {
                Some(shape) => (Form::Whole, shape),
                None if self.tensors.contains_key(&Role::Difference) => return Err(WRONG_SIZE),
                None if self.bias().is_some() => (Form::Small, wanted),
                None => return Err("half of it is missing"),
            },
        };
        let biases = [Role::UpBias, Role::BiasDifference].map(|role| self.count(role));
        let fits = shape == wanted
            && biases.into_iter().flatten().all(|count| count == output)
            && self.lengths_fit(output, input);
        fits.then_some(form).ok_or(WRONG_SIZE)
    }

    /// Whether the lengths of DoRA, if there are any, are those of the rows, or of the columns where they lie in a row.
    fn lengths_fit(&self, output: usize, input: usize) -> bool {
        let magnitude = self
            .count(Role::Magnitude)
            .is_none_or(|count| count == output);
        let scale = self.tensors.get(&Role::DoraScale);
        let scale = scale.and_then(|name| self.file.shape(name));
        magnitude
            && match scale {
                None => true,
                Some([1, columns, ..]) if *columns > 1 => *columns == input,
                Some(shape) => shape.iter().product::<usize>() == output,
            }
    }

    /// How many numbers a change of the bias has.
    fn bias(&self) -> Option<usize> {
        self.count(Role::UpBias)
            .or_else(|| self.count(Role::BiasDifference))
    }

    /// The form of the change of a norm.
    fn norm(&self, width: usize) -> Result<Form, &'static str> {
        let change = self.count(Role::Difference);
        match change.or_else(|| self.count(Role::Replacement)) {
            Some(count) if count == width => Ok(Form::Small),
            Some(_) => Err(WRONG_SIZE),
            None => Err("a norm can only be changed as a whole"),
        }
    }

    /// The rank, where the form has one.
    fn rank(&self, form: Form) -> Option<usize> {
        let rows = |role| self.matrix(role).map(|[rows, _]| rows);
        match form {
            Form::LowRank => rows(Role::Down),
            Form::Hadamard => rows(Role::HadamardDown1),
            Form::Kronecker => rows(Role::RightDown).or_else(|| rows(Role::LeftDown)),
            Form::Whole | Form::Small => None,
        }
    }

    /// What the change is multiplied by at scale 1.
    ///
    /// alpha / rank where there is an alpha, and 1 where there is none; LoKr has a rank only where one of its factors is a
    /// product (<https://github.com/KohakuBlueleaf/LyCORIS/blob/v3.1.0/lycoris/modules/lokr.py>).
    fn factor(
        &self,
        form: Form,
        metadata: Option<&PeftMetadata>,
        layer: &str,
    ) -> Result<f64, &'static str> {
        let Some(rank) = self.rank(form) else {
            return Ok(1.0);
        };
        let alpha = match self.tensors.get(&Role::Alpha) {
            Some(name) => {
                let alpha = self.file.scalar(name).filter(|alpha| alpha.is_finite());
                Some(alpha.ok_or("its alpha cannot be read")?)
            }
            None => None,
        };
        Ok(match (alpha, metadata) {
            (Some(alpha), _) => alpha / rank as f64,
            (None, Some(metadata)) => metadata.factor(layer, rank),
            (None, None) => 1.0,
        })
    }
}

/// What diffusers writes about alphas beside the tensors, as JSON under `lora_adapter_metadata`.
/// <https://github.com/huggingface/diffusers/blob/v0.35.1/src/diffusers/loaders/lora_base.py> (`_pack_dict_with_prefix`)
struct PeftMetadata(serde_json::Map<String, Value>);

impl PeftMetadata {
    fn of(file: &TensorFile) -> Option<Self> {
        let notes = file.notes();
        match serde_json::from_str(notes.get("lora_adapter_metadata")?).ok()? {
            Value::Object(object) => Some(Self(object)),
            _ => None,
        }
    }

    /// The factor of a layer of this name and rank.
    ///
    /// PEFT takes the names in a pattern for regular expressions at the end of a layer's name, or for the whole of it after
    /// a `^`; diffusers writes plain names there.
    fn factor(&self, layer: &str, rank: usize) -> f64 {
        // The names of values begin with the part of the model, as those of layers do.
        let Some((part, rest)) = layer.split_once('.') else {
            return 1.0;
        };
        let value = |name: &str| self.0.get(&format!("{part}.{name}"));
        let pattern = value("alpha_pattern").and_then(Value::as_object);
        let own = pattern.and_then(|pattern| {
            let matching = |(key, _): &(&String, &Value)| {
                let (key, whole) = key
                    .strip_prefix('^')
                    .map_or((key.as_str(), false), |key| (key, true));
                rest == key || (!whole && rest.ends_with(&format!(".{key}")))
            };
            pattern.iter().find(matching)?.1.as_f64()
        });
        let Some(alpha) = own.or_else(|| value("lora_alpha")?.as_f64()) else {
            return 1.0;
        };
        let stabilised = value("use_rslora").and_then(Value::as_bool) == Some(true);
        let rank = rank as f64;
        alpha / if stabilised { rank.sqrt() } else { rank }
    }
}

/// Opens a LoRA's file.
///
/// # Errors
/// When it is damaged, or no safetensors file.
pub(crate) fn open(contents: Contents) -> Result<TensorFile, Error> {
    TensorFile::parse("the file".to_owned(), contents)
}
