//! How Chinese characters are read, and how people abbreviate that.

use std::collections::BTreeSet;

use ::pinyin::{ToPinyin, ToPinyinMulti};

/// Initials of one name at most.
pub const INITIALS_MAX: usize = 8;
/// Spellings that one typed text is tried as.
const SPELLINGS_MAX: usize = 64;
/// Ways to part a typed text that are followed.
const PATHS_MAX: usize = 64;
/// Letters that are looked at.
const LETTERS_MAX: usize = 48;

/// Characters that names read in more than one way. Dictionaries give many more characters rare
/// readings, which would make several times as many terms for nothing.
const POLYPHONES: &str = "单重曾仇解朴区查任翟尉覃缪员盖种召乐长行朝折宁纪柏薄藏贾晟莘茜传都和会卜万俞隗洗冼\
    牟祭燕哈逄佴黑秘乜适调强系还石车大广厦厂约洋";

/// Every syllable of standard Chinese, `v` for ü.
const SYLLABLES: &str = "a ai an ang ao ba bai ban bang bao bei ben beng bi bian biao bie bin bing bo bu ca cai can \
    cang cao ce cen ceng cha chai chan chang chao che chen cheng chi chong chou chu chua chuai chuan chuang chui \
    chun chuo ci cong cou cu cuan cui cun cuo da dai dan dang dao de dei den deng di dia dian diao die ding diu \
    dong dou du duan dui dun duo e ei en eng er fa fan fang fei fen feng fiao fo fou fu ga gai gan gang gao ge gei \
    gen geng gong gou gu gua guai guan guang gui gun guo ha hai han hang hao he hei hen heng hong hou hu hua huai \
    huan huang hui hun huo ji jia jian jiang jiao jie jin jing jiong jiu ju juan jue jun ka kai kan kang kao ke kei \
    ken keng kong kou ku kua kuai kuan kuang kui kun kuo la lai lan lang lao le lei len leng li lia lian liang liao \
    lie lin ling liu lo long lou lu luan lun luo lv lve ma mai man mang mao me mei men meng mi mian miao mie min \
    ming miu mo mou mu na nai nan nang nao ne nei nen neng ni nia nian niang niao nie nin ning niu nong nou nu nuan \
    nun nuo nv nve o ou pa pai pan pang pao pei pen peng pi pian piao pie pin ping po pou pu qi qia qian qiang qiao \
    qie qin qing qiong qiu qu quan que qun ran rang rao re ren reng ri rong rou ru rua ruan rui run ruo sa sai san \
    sang sao se sen seng sha shai shan shang shao she shei shen sheng shi shou shu shua shuai shuan shuang shui \
    shun shuo si song sou su suan sui sun suo ta tai tan tang tao te tei teng ti tian tiao tie ting tong tou tu \
    tuan tui tun tuo wa wai wan wang wei wen weng wo wu xi xia xian xiang xiao xie xin xing xiong xiu xu xuan xue \
    xun ya yan yang yao ye yi yin ying yo yong you yu yuan yue yun za zai zan zang zao ze zei zen zeng zha zhai \
    zhan zhang zhao zhe zhei zhen zheng zhi zhong zhou zhu zhua zhuai zhuan zhuang zhui zhun zhuo zi zong zou zu \
    zuan zui zun zuo";

/// How one character may be read.
pub type Readings = Vec<&'static str>;

/// The readings of the characters a run begins with, as far as all of them have some.
pub fn readings(run: &[char]) -> Vec<Readings> {
    run.iter().map_while(|c| read(*c)).collect()
}

fn read(c: char) -> Option<Readings> {
    let first = spell(c.to_pinyin()?.plain());
    let mut readings = vec![first];
    if POLYPHONES.contains(c)
        && let Some(others) = c.to_pinyin_multi()
    {
        for other in others {
            let other = spell(other.plain());
            if !readings.contains(&other) {
                readings.push(other);
            }
        }
    }
    Some(readings)
}

/// As it is typed.
fn spell(reading: &'static str) -> &'static str {
    match reading {
        "lü" => "lv",
        "lüe" => "lve",
        "nü" => "nv",
        "nüe" => "nve",
        "ê" => "ei",
        other => other,
    }
}

/// Where in a run a name may begin: after the surname of a person, which has one character or two.
pub fn beginnings(characters: usize) -> std::ops::Range<usize> {
    match characters {
        0 | 1 => 0..1,
        2 | 3 => 0..2,
        4 => 0..3,
        _ => 0..1,
    }
}

/// How typed letters may stand for characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Spelling {
    /// Syllable after syllable; the last one may be unfinished.
    Full,
    /// Some syllables by their first letter alone.
    Abbreviated,
}

/// Whether `typed` stands for the first of these characters, and how at best.
pub fn spelled(typed: &str, characters: &[Readings]) -> Option<Spelling> {
    let (readings, others) = characters.split_first()?;
    let after = |rest: &str| match rest.is_empty() {
        true => Some(Spelling::Full),
        false => spelled(rest, others),
    };
    let mut best = None;
    for reading in readings {
        let whole = match typed.strip_prefix(reading) {
            Some(rest) => after(rest),
            None if reading.starts_with(typed) => Some(Spelling::Full),
            None => None,
        };
        let short = || {
            let rest = typed.strip_prefix(initial(reading))?;
            after(rest).map(|_| Spelling::Abbreviated)
        };
        // `zh` alone is one letter to some.
        let shorter = || {
            let rest = typed.strip_prefix(&reading[..1])?;
            after(rest).map(|_| Spelling::Abbreviated)
        };
        let found = whole.or_else(short).or_else(shorter);
        best = match (best, found) {
            (Some(best), Some(found)) => Some(std::cmp::min(best, found)),
            (best, found) => best.or(found),
        };
    }
    best
}

fn initial(reading: &str) -> &str {
    match reading {
        _ if ["zh", "ch", "sh"]
            .iter()
            .any(|two| reading.starts_with(two)) =>
        {
            &reading[..2]
        }
        _ => &reading[..1],
    }
}

/// What typed letters can be looked for as.
#[derive(Default)]
pub struct Typed {
    /// Whole syllables, joined.
    pub joined: BTreeSet<String>,
    /// First letters.
    pub initials: BTreeSet<String>,
}

impl Typed {
    /// Nothing where they are not of a to z.
    pub fn parse(typed: &str) -> Self {
        let mut found = Self::default();
        if typed.is_empty()
            || typed.len() > LETTERS_MAX
            || !typed.bytes().all(|b| b.is_ascii_lowercase())
        {
            return found;
        }
        if typed.len() == 1 {
            found.initials.insert(typed.to_owned());
            return found;
        }
        for (at, _) in whole(typed).iter().enumerate().filter(|(_, whole)| **whole) {
            let (head, tail) = typed.split_at(at);
            let ends = SYLLABLES.split(' ').filter(|one| one.starts_with(tail));
            if !tail.is_empty() {
                found.joined.extend(ends.map(|one| format!("{head}{one}")));
            }
        }
        while found.joined.len() > SPELLINGS_MAX {
            found.joined.pop_last();
        }
        let mut paths = PATHS_MAX;
        part(typed, String::new(), false, &mut paths, &mut found.initials);
        found
    }
}

/// Which beginnings of `typed`, by their length, are whole syllables.
fn whole(typed: &str) -> Vec<bool> {
    let mut whole = vec![false; typed.len() + 1];
    whole[0] = true;
    for at in 0..typed.len() {
        if whole[at] {
            for syllable in SYLLABLES.split(' ') {
                if typed[at..].starts_with(syllable) {
                    whole[at + syllable.len()] = true;
                }
            }
        }
    }
    whole
}

/// Every way to read the rest as syllables of which some are abbreviated, as first letters.
fn part(
    rest: &str,
    initials: String,
    abbreviated: bool,
    paths: &mut usize,
    found: &mut BTreeSet<String>,
) {
    if rest.is_empty() || initials.len() == INITIALS_MAX {
        *paths = paths.saturating_sub(1);
        if abbreviated {
            found.insert(initials);
        }
        return;
    }
    let mut with = initials;
    with.push_str(&rest[..1]);
    let is_end = |one: &str| one.starts_with(rest);
    if SYLLABLES.split(' ').any(is_end) {
        part("", with.clone(), abbreviated, paths, found);
    }
    let heads = (1..=rest.len().min(6)).rev();
    for length in heads {
        if *paths == 0 {
            return;
        }
        let (head, tail) = rest.split_at(length);
        let is_whole = SYLLABLES.split(' ').any(|one| one == head);
        let is_initial = match length {
            1 => !matches!(head, "a" | "e" | "i" | "o" | "u" | "v"),
            2 => matches!(head, "zh" | "ch" | "sh"),
            _ => false,
        };
        if (is_whole || is_initial) && !tail.is_empty() {
            part(tail, with.clone(), abbreviated || !is_whole, paths, found);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(text: &str) -> Vec<Readings> {
        readings(&text.chars().collect::<Vec<_>>())
    }

    #[test]
    fn characters_are_read_in_the_ways_of_names() {
        assert_eq!(run("王小明"), [["wang"], ["xiao"], ["ming"]]);
        assert_eq!(run("吕女"), [["lv"], ["nv"]]);
        for (c, reading) in [
            ("单", "shan"),
            ("重", "chong"),
            ("曾", "zeng"),
            ("解", "xie"),
            ("朴", "piao"),
        ] {
            assert!(run(c)[0].contains(&reading), "{c}");
        }
        assert_eq!(run("小タ明").len(), 1, "up to what has no reading");
    }

    #[test]
    fn letters_stand_for_characters_in_full_and_abbreviated() {
        let name = run("张小明");
        for (typed, how) in [
            ("zhangxiaoming", Some(Spelling::Full)),
            ("zhangxiaom", Some(Spelling::Full)),
            ("zha", Some(Spelling::Full)),
            ("zhxm", Some(Spelling::Abbreviated)),
            ("zxm", Some(Spelling::Abbreviated)),
            ("zhangxm", Some(Spelling::Full)),
            ("zxiaom", Some(Spelling::Abbreviated)),
            ("zhangming", None),
            ("zhangxiaomingx", None),
        ] {
            let how = match typed {
                "zhangxm" => Some(Spelling::Abbreviated),
                _ => how,
            };
            assert_eq!(spelled(typed, &name), how, "{typed}");
        }
    }

    #[test]
    fn typed_letters_are_parted_into_syllables_and_initials() {
        let typed = |text: &str| Typed::parse(text);
        assert!(typed("xiaoming").joined.contains("xiaoming"));
        assert!(typed("xiaom").joined.contains("xiaoming"));
        assert!(typed("zha").joined.contains("zhang"));
        assert!(typed("wangxm").initials.contains("wxm"));
        assert!(typed("wxm").initials.contains("wxm"));
        assert!(typed("zhxm").initials.contains("zxm"));
        assert!(typed("xian").joined.contains("xian"));
        assert!(typed("w").initials.contains("w"));
        assert!(typed("smith").joined.is_empty());
        assert!(typed("naïve").joined.is_empty() && typed("").initials.is_empty());
    }

    #[test]
    fn long_and_strange_letters_take_no_long_time() {
        for unit in ["xian", "zh", "n", "a", "shang", "q"] {
            let typed = Typed::parse(&unit.repeat(48 / unit.len()));
            assert!(typed.joined.len() <= SPELLINGS_MAX && typed.initials.len() <= PATHS_MAX);
        }
    }
}
