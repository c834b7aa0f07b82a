//! The rules of what customers say, values in, values out. No storage, no wire, no clock.
//!
//! | you want | use |
//! |---|---|
//! | a set of questions and its life | [`Survey`], [`Question`] |
//! | one customer's right to answer once | [`Invitation`] |
//! | answers that fit the questions | [`Answer`], [`Response`] |
//! | a score with its 95 % interval | [`report`] |
//! | something a customer wants answered | [`Case`] |
//! | what a list of cases may be filtered on | [`case_filter`] |

mod answer;
mod case;
pub mod case_filter;
mod invitation;
pub mod report;
mod survey;
mod who;

pub use answer::{Answer, AnswerValue, Response, check_answers};
pub use case::{Case, CaseDraft, CaseState, CaseType, Reply};
pub use invitation::Invitation;
pub use survey::{Question, QuestionType, Survey, SurveyDraft, SurveyPatch, SurveyState};
pub use who::{CustomerKey, Who};
