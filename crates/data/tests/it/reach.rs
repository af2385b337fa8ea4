//! Who reaches which rows, against a naive evaluator: units, teams, roles of every depth and shares at random.

use std::collections::{HashMap, HashSet};

use http::Method;
use keyholder_data::TokenFacts;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::World;

/// A sequence of numbers that is the same for the same seed (Knuth's MMIX generator).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % end
    }
}

const VERBS: [(&str, &str, i64); 7] = [
    ("Read", "ReadAccess", 1),
    ("Write", "WriteAccess", 2),
    ("Append", "AppendAccess", 4),
    ("AppendTo", "AppendToAccess", 16),
    ("Delete", "DeleteAccess", 65_536),
    ("Share", "ShareAccess", 262_144),
    ("Assign", "AssignAccess", 524_288),
];
const DEPTHS: [&str; 4] = ["Basic", "Local", "Deep", "Global"];

struct User {
    token: TokenFacts,
    id: Uuid,
    unit: usize,
    teams: Vec<usize>,
    /// By verb: the depth, as an index.
    held: HashMap<&'static str, usize>,
}

struct Row {
    id: Uuid,
    owner: Uuid,
    unit: usize,
    shares: Vec<(Uuid, &'static str)>,
}

/// Says again, in the simplest words, what "How access to a record is determined" says. `above[unit]` is the
/// unit's parent.
fn may(user: &User, teams: &[Uuid], above: &[Option<usize>], row: &Row, verb: &str) -> bool {
    // The teams' own role lets their members read what the team owns.
    let by_team = verb == "Read" && user.teams.iter().any(|team| row.owner == teams[*team]);
    let Some(depth) = user.held.get(verb) else {
        let holds = verb == "Read" && !user.teams.is_empty();
        return by_team || (holds && is_shared(user, teams, row, verb));
    };
    let own = row.owner == user.id || user.teams.iter().any(|team| row.owner == teams[*team]);
    let by_depth = match depth {
        0 => own,
        1 => own || row.unit == user.unit,
        2 => {
            let mut unit = Some(row.unit);
            let mut below = false;
            while let Some(at) = unit {
                below |= at == user.unit;
                unit = above[at];
            }
            own || below
        }
        _ => true,
    };
    by_depth || by_team || is_shared(user, teams, row, verb)
}

fn is_shared(user: &User, teams: &[Uuid], row: &Row, verb: &str) -> bool {
    row.shares.iter().any(|(with, right)| {
        *right == verb && (*with == user.id || user.teams.iter().any(|team| *with == teams[*team]))
    })
}

async fn role_in(world: &World, name: &str, unit: Uuid) -> Uuid {
    let path = format!("roles?$select=roleid&$filter=name eq '{name}' and _businessunitid_value eq {unit}");
    world.get(&path).await.ok().rows()[0]["roleid"].as_str().unwrap().parse().unwrap()
}

async fn run(seed: u64) {
    let world = World::with(|config| config.sample_rows = 0).await;
    let mut numbers = Numbers(seed);
    let root: Uuid = world.root_unit().await[15..51].parse().unwrap();
    // root, north and south below it, far north below north.
    let (mut units, above) = (vec![root], [None, Some(0), Some(0), Some(1)]);
    for (name, parent) in [("North", 0), ("South", 0), ("Far north", 1)] {
        let parent = format!("/businessunits({})", units[parent]);
        let body = json!({ "name": name, "parentbusinessunitid@odata.bind": parent });
        units.push(world.post("businessunits", body).await.ok().id());
    }
    world.role("teams", &[("prvReadContact", "Basic")]).await;
    let mut teams = Vec::new();
    for unit in [0, 1] {
        let body = json!({ "name": format!("t{unit}"), "businessunitid@odata.bind": format!("/businessunits({})", units[unit]) });
        let team = world.post("teams", body).await.ok().id();
        let role = json!({ "@odata.id": format!("roles({})", role_in(&world, "teams", units[unit]).await) });
        world.post(&format!("teams({team})/teamroles_association/$ref"), role).await.ok();
        teams.push(team);
    }
    let mut users: Vec<User> = Vec::new();
    for number in 0..5_usize {
        let unit = numbers.below(units.len());
        let facts = world.register(100 + u128::try_from(number).unwrap(), &format!("u{number}"));
        let body = json!({
            "applicationid": facts.client_id.0, "accessmode": 4,
            "businessunitid@odata.bind": format!("/businessunits({})", units[unit]),
        });
        let id = world.post("systemusers", body).await.ok().id();
        let mut held = HashMap::new();
        let mut given: Vec<(String, &str)> = Vec::new();
        for (verb, ..) in VERBS {
            // One in six verbs is not held at all; owners must be able to read.
            if verb == "Read" || numbers.below(6) > 0 {
                let depth = numbers.below(DEPTHS.len());
                held.insert(verb, depth);
                given.push((format!("prv{verb}Contact"), DEPTHS[depth]));
            }
        }
        let name = format!("r{number}");
        let given: Vec<(&str, &str)> = given.iter().map(|(name, depth)| (name.as_str(), *depth)).collect();
        world.role(&name, &given).await;
        world.assign(id, role_in(&world, &name, units[unit]).await).await.ok();
        let mut of = Vec::new();
        for (index, team) in teams.iter().enumerate() {
            if numbers.below(3) == 0 {
                let body = json!({ "@odata.id": format!("systemusers({id})") });
                world.post(&format!("teams({team})/teammembership_association/$ref"), body).await.ok();
                of.push(index);
            }
        }
        users.push(User { token: crate::world::token(&facts), id, unit, teams: of, held });
    }
    let mut rows = Vec::new();
    for number in 0..16 {
        let (owner, unit, bind) = match numbers.below(users.len() + teams.len()) {
            user if user < users.len() => {
                let user = &users[user];
                (user.id, user.unit, format!("/systemusers({})", user.id))
            }
            team => {
                let team = team - users.len();
                (teams[team], team, format!("/teams({})", teams[team]))
            }
        };
        let body = json!({ "lastname": format!("c{number}"), "ownerid@odata.bind": bind });
        let id = world.post("contacts", body).await.ok().id();
        let mut shares = Vec::new();
        for _ in 0..numbers.below(3) {
            let (with, kind) = match numbers.below(users.len() + teams.len()) {
                user if user < users.len() => (users[user].id, "systemuser"),
                team => (teams[team - users.len()], "team"),
            };
            let mut names = Vec::new();
            for (verb, name, _) in VERBS {
                if with != owner && numbers.below(2) == 0 {
                    shares.push((with, verb));
                    names.push(name);
                }
            }
            if !names.is_empty() {
                let body = json!({
                    "Target": { "@odata.type": "Microsoft.Dynamics.CRM.contact", "contactid": id },
                    "PrincipalAccess": {
                        "Principal": { "@odata.type": format!("Microsoft.Dynamics.CRM.{kind}"), "ownerid": with },
                        "AccessMask": names.join(", "),
                    },
                });
                world.post("GrantAccess", body).await.ok();
            }
        }
        rows.push(Row { id, owner, unit, shares });
    }
    for (index, user) in users.iter().enumerate() {
        let told = |row: &Row, what: &str| format!("seed {seed}: {what} of row {} for user {index}", row.id);
        let listed = world.get_as(&user.token, "contacts?$select=contactid").await.ok();
        let listed: HashSet<Uuid> =
            listed.rows().iter().map(|row| row["contactid"].as_str().unwrap().parse().unwrap()).collect();
        for row in &rows {
            let reads = may(user, &teams, &above, row, "Read");
            assert_eq!(listed.contains(&row.id), reads, "{}", told(row, "page"));
            let one = world.get_as(&user.token, &format!("contacts({})?$select=lastname", row.id)).await;
            assert_eq!(one.status, if reads { 200 } else { 403 }, "{}", told(row, "single row"));
            let path = format!("systemusers({})/Microsoft.Dynamics.CRM.RetrievePrincipalAccess(Target=@p1)", user.id);
            let rights = world.get(&format!("{path}?@p1={{'@odata.id':'contacts({})'}}", row.id)).await.ok();
            let rights = rights.json["AccessRights"].as_str().unwrap().to_owned();
            for (verb, name, _) in VERBS {
                let expected = may(user, &teams, &above, row, verb);
                assert_eq!(rights.split(", ").any(|right| right == name), expected, "{}", told(row, verb));
            }
            // What is told is what holds: a change with a version that the row does not have changes nothing.
            if user.held.contains_key("Write") {
                let path = format!("contacts({})", row.id);
                let headers = [("If-Match", "W/\"1\"")];
                let write = world.send(&user.token, Method::PATCH, &path, &headers, Some(json!({}))).await;
                let expected = if may(user, &teams, &above, row, "Write") { 412 } else { 403 };
                assert_eq!(write.status, expected, "{} {}", told(row, "change"), write.text);
            }
            if user.held.contains_key("Delete") {
                let path = format!("contacts({})", row.id);
                let delete = world.send(&user.token, Method::DELETE, &path, &[("If-Match", "W/\"1\"")], None).await;
                let expected = if may(user, &teams, &above, row, "Delete") { 412 } else { 403 };
                assert_eq!(delete.status, expected, "{}", told(row, "deletion"));
            }
        }
        let count = world.get_as(&user.token, "contacts?$select=contactid&$count=true&$top=1").await.ok();
        let expected = rows.iter().filter(|row| may(user, &teams, &above, row, "Read")).count();
        assert_eq!(count.json["@odata.count"], json!(expected), "seed {seed}: count for user {index}");
    }
    assert_ne!(world.get("principalobjectaccessset").await.ok().json["value"], Value::Null);
}

#[tokio::test]
async fn reaches_agree_with_a_naive_evaluator() {
    for seed in [1, 2, 3] {
        run(seed).await;
    }
}
