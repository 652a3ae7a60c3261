//! Who is meant by the names in a calendar.

use std::collections::{BTreeSet, HashMap};

use watchbell_calendar::{UserBy, Who};
use watchbell_core::UserId;
use watchbell_core::ids::UserRef;
use watchbell_store::directory::UserFilter;
use watchbell_store::{Store, StoreError};

/// Names that are looked up for one reading at most.
const MOST_NAMES: usize = 5_000;

/// No name of anybody is longer, in bytes.
const LONGEST_NAME: usize = 255;

/// Who was looked up for one reading.
pub struct People<'s> {
    store: &'s dyn Store,
    by: UserBy,
    known: HashMap<String, Vec<UserId>>,
    /// Those whom nobody is called, as the calendar writes them.
    pub unknown: BTreeSet<String>,
}

impl<'s> People<'s> {
    pub fn new(store: &'s dyn Store, by: UserBy) -> Self {
        Self { store, by, known: HashMap::new(), unknown: BTreeSet::new() }
    }

    /// Whether more names were asked for than are looked up.
    pub fn are_too_many(&self) -> bool {
        self.known.len() > MOST_NAMES
    }

    /// The users whom an entry names.
    pub async fn of(&mut self, who: &Who) -> Result<Vec<UserId>, StoreError> {
        for names in &who.readings {
            let (mut users, mut nobody) = (Vec::new(), Vec::new());
            for name in names {
                let found = self.called(name).await?;
                if found.is_empty() {
                    nobody.push(name.clone());
                }
                users.extend(found.into_iter().filter(|user| !users.contains(user)).collect::<Vec<_>>());
            }
            if !users.is_empty() {
                // Beside a name, a summary may say anything; an address that attends is somebody.
                if self.by == UserBy::Email {
                    self.unknown.extend(nobody);
                }
                return Ok(users);
            }
        }
        self.unknown.insert(if who.shown.is_empty() { "(nobody)".to_owned() } else { who.shown.clone() });
        Ok(Vec::new())
    }

    async fn called(&mut self, name: &str) -> Result<Vec<UserId>, StoreError> {
        if let Some(known) = self.known.get(name) {
            return Ok(known.clone());
        }
        let can_be_one = !name.is_empty() && name.len() <= LONGEST_NAME && !name.contains('\0') && !self.are_too_many();
        let found = if can_be_one { self.look_up(name).await? } else { Vec::new() };
        self.known.insert(name.to_owned(), found.clone());
        Ok(found)
    }

    async fn look_up(&self, name: &str) -> Result<Vec<UserId>, StoreError> {
        let name = name.to_owned();
        let list = async |filter: UserFilter| {
            let (users, _) = self.store.users(&UserFilter { limit: 10, ..filter }).await?;
            Ok::<_, StoreError>(users.into_iter().map(|user| user.id).collect::<Vec<_>>())
        };
        if self.by == UserBy::Email {
            return list(UserFilter { email: Some(name), ..UserFilter::default() }).await;
        }
        let by_name = list(UserFilter { username: Some(name.clone()), ..UserFilter::default() }).await?;
        if !by_name.is_empty() {
            return Ok(by_name);
        }
        if let Some(user) = UserRef::parse(&name)
            && let Some(user) = self.store.user(&user).await?
        {
            return Ok(vec![user.id]);
        }
        // Who has the same name as somebody else is told as well: one of them is meant.
        list(UserFilter { full_name: Some(name), ..UserFilter::default() }).await
    }
}
