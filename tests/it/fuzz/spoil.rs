//! Makes hostile requests of good ones: by bytes, by fields, by the order of messages.

use std::collections::HashMap;

use bytes::Bytes;
use dossier_testkit::{Dice, Example};
use prost_reflect::prost::Message as _;
use prost_reflect::{
    DynamicMessage, FieldDescriptor, Kind, MapKey, MessageDescriptor, ReflectMessage as _, Value,
};

/// Deeper than any decoder follows (100 levels).
const NESTED_LEVELS: usize = 300;
const LIST_ITEMS_MAX: u64 = 3_000;
/// How deep fields are looked for; messages of the contract do not nest deeper.
const LEVELS_MAX: u32 = 6;
const TEXTS: [&str; 25] = [
    "",
    " ",
    "\0",
    "a\0b",
    "*",
    "-",
    "/",
    "customers/",
    "customers/*",
    "customers/-",
    "customers/../customers/x",
    "customers/00000000-0000-0000-0000-000000000000",
    "customers/ffffffff-ffff-ffff-ffff-ffffffffffff/x",
    "'; DROP TABLE customer; --",
    "\" OR 1 = 1",
    "%s%n%x",
    "${jndi:ldap://x}",
    "\u{202e}\u{feff}\u{200b}",
    "e\u{301}\u{301}\u{301}\u{301}",
    "\u{fdfa}\u{fdfa}\u{fdfa}\u{fdfa}",
    "\u{10ffff}",
    "9223372036854775808",
    "NaN",
    "name = \"x\" AND (((((((((((((((((((((((((((((((((((((((a",
    "AQAAAAAAAAAAAAAAAAAAAAAAgIAB",
];

/// The messages of one hostile request. `other` is a request of another RPC. `turn` counts the
/// requests of this RPC: field after field has its turn, so that none is left to luck.
pub fn spoilt(example: &Example, other: &Example, turn: usize, dice: &mut Dice) -> Vec<Bytes> {
    let mut messages = example.encoded();
    let at = index(dice, messages.len());
    match dice.within(0..12) {
        0..6 => {
            let mut message = example.messages[at].clone();
            let leaves = leaves(&message.descriptor(), 0);
            if let Some(path) = leaves.get(turn % leaves.len().max(1)) {
                aim(&mut message, path, dice);
            }
            if dice.within(0..3) == 0 {
                fields(&mut message, dice, 0);
            }
            messages[at] = message.encode_to_vec().into();
        }
        6..9 => {
            let mut bytes = messages[at].to_vec();
            for _ in 0..dice.within(1..6) {
                spoil(&mut bytes, dice);
            }
            messages[at] = bytes.into();
        }
        9 => messages[at] = noise(dice, 200).into(),
        10 => messages[at] = nested(dice).into(),
        _ => return reordered(messages, other, dice),
    }
    messages
}

/// The way to every field of a message that is no message itself.
fn leaves(message: &MessageDescriptor, level: u32) -> Vec<Vec<FieldDescriptor>> {
    let mut leaves = Vec::new();
    for field in message.fields() {
        match field.kind() {
            Kind::Message(inner) if !field.is_map() && level < LEVELS_MAX => {
                for mut path in self::leaves(&inner, level + 1) {
                    path.insert(0, field.clone());
                    leaves.push(path);
                }
            }
            Kind::Message(entry) if field.is_map() => {
                // The map as a whole, and what its values are made of.
                leaves.push(vec![field.clone()]);
                if let Kind::Message(inner) = entry.map_entry_value_field().kind() {
                    for mut path in self::leaves(&inner, level + 1) {
                        path.insert(0, field.clone());
                        leaves.push(path);
                    }
                }
            }
            _ => leaves.push(vec![field]),
        }
    }
    leaves
}

/// Gives the field at the end of the way a value that nobody would; what is missing on the way is
/// made, of a list its first is taken, of a map all.
fn aim(message: &mut DynamicMessage, path: &[FieldDescriptor], dice: &mut Dice) {
    let [field, rest @ ..] = path else { return };
    if rest.is_empty() {
        let value = value(field, dice, LEVELS_MAX);
        let _ = message.try_set_field(field, value);
        return;
    }
    match message.get_field(field).into_owned() {
        Value::Message(mut inner) => {
            aim(&mut inner, rest, dice);
            message.set_field(field, Value::Message(inner));
        }
        Value::List(mut items) => {
            if items.is_empty() {
                items.push(Value::default_value(&field.kind()));
            }
            if let Some(Value::Message(inner)) = items.first_mut() {
                aim(inner, rest, dice);
            }
            message.set_field(field, Value::List(items));
        }
        Value::Map(mut entries) => {
            for value in entries.values_mut() {
                if let Value::Message(inner) = value {
                    aim(inner, rest, dice);
                }
            }
            message.set_field(field, Value::Map(entries));
        }
        _ => {}
    }
}

fn reordered(mut messages: Vec<Bytes>, other: &Example, dice: &mut Dice) -> Vec<Bytes> {
    match dice.within(0..4) {
        0 => messages.clear(),
        1 => messages.reverse(),
        2 => messages = other.encoded(),
        _ => messages = [messages.clone(), messages.clone(), messages].concat(),
    }
    messages
}

fn spoil(bytes: &mut Vec<u8>, dice: &mut Dice) {
    let at = index(dice, bytes.len());
    let end = (at + index(dice, 16)).min(bytes.len());
    match dice.within(0..6) {
        0 if !bytes.is_empty() => bytes[at] ^= 1 << dice.within(0..8),
        1 => bytes.truncate(at),
        2 => drop(bytes.splice(at..at, noise(dice, 12))),
        3 => drop(bytes.drain(at..end)),
        4 => {
            let copy = bytes[at..end].to_vec();
            drop(bytes.splice(at..at, copy));
        }
        // A length or a number that is far too large.
        _ => drop(bytes.splice(at..end, [0xff; 10])),
    }
}

fn noise(dice: &mut Dice, at_most: u64) -> Vec<u8> {
    let length = dice.within(0..at_most);
    (0..length).map(|_| dice.roll().to_le_bytes()[0]).collect()
}

/// A message in a message in a message.
fn nested(dice: &mut Dice) -> Vec<u8> {
    let tag = (dice.within(1..16) as u8) << 3 | 2;
    let mut bytes = Vec::new();
    for _ in 0..NESTED_LEVELS {
        let mut outer = vec![tag];
        prost_reflect::prost::encoding::encode_varint(bytes.len() as u64, &mut outer);
        outer.extend(bytes);
        bytes = outer;
    }
    bytes
}

/// Gives one field, here or further inside, a value that nobody would.
fn fields(message: &mut DynamicMessage, dice: &mut Dice, level: u32) {
    let all: Vec<FieldDescriptor> = message.descriptor().fields().collect();
    if all.is_empty() {
        return;
    }
    let field = dice.pick(&all);
    let single = !field.is_list() && !field.is_map();
    if let (true, Kind::Message(_)) = (
        single && level < LEVELS_MAX && dice.within(0..8) > 0,
        field.kind(),
    ) && let Value::Message(mut inner) = message.get_field(field).into_owned()
    {
        fields(&mut inner, dice, level + 1);
        message.set_field(field, Value::Message(inner));
        return;
    }
    let value = value(field, dice, level);
    // A value that a decoder would refuse is not representable; then the field stays.
    let _ = message.try_set_field(field, value);
}

fn value(field: &FieldDescriptor, dice: &mut Dice, level: u32) -> Value {
    match (field.is_map(), field.is_list()) {
        (true, _) => map(field, dice, level),
        (_, true) => list(field, dice, level),
        _ => hostile(&field.kind(), dice, level),
    }
}

fn list(field: &FieldDescriptor, dice: &mut Dice, level: u32) -> Value {
    if dice.within(0..3) == 0 {
        let same = Value::default_value(&field.kind());
        let count = index(dice, usize::try_from(LIST_ITEMS_MAX).unwrap_or(1));
        return Value::List(vec![same; count]);
    }
    let count = dice.within(0..4);
    let items = (0..count).map(|_| hostile(&field.kind(), dice, level));
    Value::List(items.collect())
}

fn map(field: &FieldDescriptor, dice: &mut Dice, level: u32) -> Value {
    let Kind::Message(entry) = field.kind() else {
        return Value::Map(HashMap::new());
    };
    let kind = entry.map_entry_value_field().kind();
    let count = *dice.pick(&[0, 1, 3, 400]);
    let keys = (0..count).map(|n| match n {
        0 => MapKey::String((*dice.pick(&TEXTS)).to_owned()),
        n => MapKey::String(format!("key_{n}")),
    });
    let keys: Vec<MapKey> = keys.collect();
    let entries = keys
        .into_iter()
        .map(|key| (key, hostile(&kind, dice, level)));
    Value::Map(entries.collect())
}

fn hostile(kind: &Kind, dice: &mut Dice, level: u32) -> Value {
    match kind {
        Kind::Double => Value::F64(*dice.pick(&[f64::NAN, f64::INFINITY, -0.0, f64::MAX])),
        Kind::Float => Value::F32(*dice.pick(&[f32::NAN, f32::NEG_INFINITY, f32::MIN_POSITIVE])),
        Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => {
            Value::I32(*dice.pick(&[i32::MIN, -1, 0, i32::MAX]))
        }
        Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => {
            Value::I64(*dice.pick(&[i64::MIN, -1, 0, 253_402_300_800, i64::MAX]))
        }
        Kind::Uint32 | Kind::Fixed32 => Value::U32(*dice.pick(&[0, 1, u32::MAX])),
        Kind::Uint64 | Kind::Fixed64 => Value::U64(*dice.pick(&[0, 1, u64::MAX])),
        Kind::Bool => Value::Bool(dice.within(0..2) == 0),
        Kind::String => Value::String(text(dice)),
        Kind::Bytes => Value::Bytes(noise(dice, 2_000).into()),
        Kind::Enum(_) => Value::EnumNumber(*dice.pick(&[i32::MIN, -1, 0, 1, 99, i32::MAX])),
        Kind::Message(descriptor) => {
            let mut message = DynamicMessage::new(descriptor.clone());
            if level < LEVELS_MAX {
                for _ in 0..dice.within(0..4) {
                    fields(&mut message, dice, level + 1);
                }
            }
            Value::Message(message)
        }
    }
}

fn text(dice: &mut Dice) -> String {
    let text = *dice.pick(&TEXTS);
    match dice.within(0..6) {
        // Long, up to 64 KiB of characters.
        0 => text.repeat(1 << dice.within(0..13)),
        1 => noise(dice, 60)
            .iter()
            .map(|byte| char::from(*byte))
            .collect(),
        _ => text.to_owned(),
    }
}

fn index(dice: &mut Dice, length: usize) -> usize {
    usize::try_from(dice.within(0..length.max(1) as u64)).unwrap_or(0)
}
