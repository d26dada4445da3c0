//! The company of the demo: some two hundred people, told as an HR system tells them.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::cli::CliError;

/// The enterprise extension of users (RFC 7643 §4.3).
pub const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";

/// What the company is made of.
#[derive(Deserialize)]
pub struct Company {
    domain: String,
    given: Vec<String>,
    family: Vec<String>,
    offices: Vec<Office>,
    /// Its departments, each with how many work there.
    pub departments: Vec<Department>,
}

#[derive(Deserialize)]
struct Office {
    city: String,
    country: String,
}

/// A department.
#[derive(Deserialize)]
pub struct Department {
    /// Its name.
    pub name: String,
    title: String,
    /// How many work there.
    pub people: usize,
}

/// A person, before and after HR pushed it.
pub struct Person {
    /// What it signs in with.
    pub user_name: String,
    /// Its full name.
    pub name: String,
    /// Index of its department.
    pub department: usize,
    /// Whether it heads the department.
    pub head: bool,
    /// Its id at the gateway, once it has one.
    pub id: String,
    number: usize,
}

impl Company {
    /// The one in `company.json`.
    ///
    /// # Errors
    /// When the file does not hold together.
    pub fn load() -> Result<Self, CliError> {
        serde_json::from_str(include_str!("company.json")).map_err(|e| CliError::new(format!("company.json: {e}")))
    }

    /// Everybody, the heads of departments first.
    pub fn people(&self) -> Vec<Person> {
        let places = self.departments.iter().enumerate();
        let places = places.flat_map(|(index, department)| (0..department.people).map(move |place| (index, place)));
        let mut people: Vec<Person> = places.zip(0..).map(|(place, number)| self.person(number, place)).collect();
        people.sort_by_key(|person| !person.head);
        people
    }

    fn person(&self, number: usize, (department, place): (usize, usize)) -> Person {
        // No two people have the same pair of names.
        let given = &self.given[number % self.given.len()];
        let family = &self.family[number / 5 % self.family.len()];
        Person {
            user_name: format!("{}.{}@{}", plain(given), plain(family), self.domain),
            name: format!("{given} {family}"),
            department,
            head: place == 0,
            id: String::new(),
            number,
        }
    }

    /// A person as HR sends it, with the id of its manager.
    pub fn to_scim(&self, person: &Person, manager: Option<&str>) -> Value {
        let department = &self.departments[person.department];
        let office = &self.offices[person.number % self.offices.len()];
        let (given, family) = person.name.split_once(' ').unwrap_or((&person.name, ""));
        let title = if person.head { format!("Head of {}", department.name) } else { department.title.clone() };
        let mut enterprise = json!({ "department": department.name, "employeeNumber": format!("{:04}", person.number + 1) });
        if let Some(id) = manager {
            enterprise["manager"] = json!({ "value": id });
        }
        json!({
            "schemas": [USER, ENTERPRISE],
            "userName": person.user_name,
            "externalId": format!("hr-{:04}", person.number + 1),
            "name": { "givenName": given, "familyName": family },
            "displayName": person.name,
            "title": title,
            "active": true,
            "emails": [{ "value": person.user_name, "type": "work", "primary": true }],
            "addresses": [{ "type": "work", "locality": office.city, "country": office.country }],
            ENTERPRISE: enterprise,
        })
    }
}

/// A name without what does not stand in an address.
fn plain(name: &str) -> String {
    name.to_lowercase().replace(['é', 'è'], "e")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::Company;

    #[test]
    fn nobody_is_there_twice() {
        let company = Company::load().unwrap();
        let people = company.people();
        let names: BTreeSet<&str> = people.iter().map(|p| p.user_name.as_str()).collect();
        assert_eq!((people.len(), names.len()), (200, 200));
        assert!(names.iter().all(|name| name.is_ascii()), "{names:?}");
        assert_eq!(people.iter().take_while(|p| p.head).count(), company.departments.len());
    }
}
