//! Pages: every row once and in order, also while rows come and go.

use http::Method;
use keyholder_data::TokenFacts;
use serde_json::json;
use uuid::Uuid;

use crate::World;
use crate::world::BASE;

/// Follows next links from `path`; runs `between` after each page.
async fn pages(world: &World, path: &str, size: u32, between: impl AsyncFnMut(usize)) -> Vec<Vec<(String, Uuid)>> {
    pages_as(world, &world.admin, path, size, between).await
}

async fn pages_as(
    world: &World,
    caller: &TokenFacts,
    path: &str,
    size: u32,
    mut between: impl AsyncFnMut(usize),
) -> Vec<Vec<(String, Uuid)>> {
    let prefer = format!("odata.maxpagesize={size}");
    let mut path = path.to_owned();
    let mut pages: Vec<Vec<(String, Uuid)>> = Vec::new();
    loop {
        let page = world.send(caller, Method::GET, &path, &[("Prefer", &prefer)], None).await.ok();
        let row = |row: &serde_json::Value| {
            let city = row["address1_city"].as_str().unwrap_or_default().to_owned();
            (city, row["contactid"].as_str().unwrap().parse().unwrap())
        };
        pages.push(page.rows().iter().map(row).collect());
        assert!(pages.len() < 100, "the pages of {path} do not end");
        between(pages.len()).await;
        match page.json.get("@odata.nextLink") {
            None => return pages,
            Some(next) => {
                let next = next.as_str().unwrap();
                path = next.strip_prefix(&format!("{BASE}/")).unwrap_or_else(|| panic!("{next}")).to_owned();
            }
        }
    }
}

async fn contact(world: &World, city: Option<&str>) -> Uuid {
    let mut body = json!({ "lastname": "Paged" });
    body["address1_city"] = city.map_or(serde_json::Value::Null, |city| json!(city));
    world.post("contacts", body).await.ok().id()
}

#[tokio::test]
async fn each_row_comes_once_and_in_order() {
    let world = World::with(|config| config.sample_rows = 0).await;
    // Ties, accents and nulls, so that every part of the order has work.
    for index in 0..23 {
        contact(&world, [Some("Brügge"), Some("brugge"), None, Some("Aalst"), Some("Zele")][index % 5]).await;
    }
    for order in [
        "",
        "&$orderby=address1_city",
        "&$orderby=address1_city desc",
        "&$orderby=createdon desc,address1_city",
        "&$orderby=address1_city,lastname desc,address1_city desc,jobtitle desc,statecode,createdon",
    ] {
        let path = format!("contacts?$select=address1_city{order}");
        let whole = pages(&world, &path, 5_000, async |_| {}).await;
        assert_eq!((whole.len(), whole[0].len()), (1, 23));
        for size in [1, 4, 22, 23] {
            let paged = pages(&world, &path, size, async |_| {}).await;
            assert_eq!(paged.concat(), whole[0], "{order} by {size}");
            assert_eq!(paged.len(), 23_usize.div_ceil(size as usize), "{order} by {size}");
        }
    }
}

#[tokio::test]
async fn s10_who_reaches_little_gets_it_once_and_in_order() {
    let world = World::with(|config| config.sample_rows = 0).await;
    let (own, user) = world.application_user(2, "orders-sync").await;
    let (unit, of_unit) = world.application_user(3, "stock-sync").await;
    world.assign(user, world.role("own", &[("prvReadContact", "Basic")]).await).await.ok();
    world.assign(of_unit, world.role("unit", &[("prvReadContact", "Local")]).await).await.ok();
    let apart = json!({ "name": "Apart", "parentbusinessunitid@odata.bind": world.root_unit().await });
    let apart = world.post("businessunits", apart).await.ok().id();
    let team = json!({ "name": "Far", "businessunitid@odata.bind": format!("/businessunits({apart})") });
    let team = world.post("teams", team).await.ok().id();
    let teams_role = world.role("teams", &[("prvReadContact", "Basic")]).await;
    let copies = format!("roles?$filter=name eq 'teams' and _businessunitid_value eq {apart}&$select=roleid");
    let copy = world.get(&copies).await.ok().rows()[0]["roleid"].as_str().unwrap().to_owned();
    assert_ne!(copy, teams_role.to_string());
    for (table, id, far) in [
        ("teamroles_association", team, format!("roles({copy})")),
        ("teammembership_association", team, format!("systemusers({user})")),
    ] {
        let reference = json!({ "@odata.id": format!("{BASE}/{far}") });
        world.post(&format!("teams({id})/{table}/$ref"), reference).await.ok();
    }
    // By turns the administrator's, the user's own, and his far team's.
    let (mut users, mut teams) = (Vec::new(), Vec::new());
    for index in 0..21 {
        let row = contact(&world, Some("Aalst")).await;
        let owner = [None, Some(format!("/systemusers({user})")), Some(format!("/teams({team})"))][index % 3].clone();
        let Some(owner) = owner else { continue };
        let (of_user, of_team) = (owner.contains("systemusers"), owner.contains("teams("));
        world.patch(&format!("contacts({row})"), json!({ "ownerid@odata.bind": owner })).await.ok();
        users.extend(of_user.then_some(row));
        teams.extend(of_team.then_some(row));
    }
    let mut both = [users, teams.clone()].concat();
    both.sort();
    for size in [1, 3, 4, 14, 20] {
        let found = pages_as(&world, &own, "contacts?$select=address1_city", size, async |_| {}).await;
        let found: Vec<Uuid> = found.concat().into_iter().map(|(_, id)| id).collect();
        assert_eq!(found, both, "by {size}");
        let found = pages_as(&world, &unit, "contacts?$select=address1_city", size, async |_| {}).await;
        let found: Vec<Uuid> = found.concat().into_iter().map(|(_, id)| id).collect();
        assert!(found.is_sorted() && found.len() == 14 && found.iter().all(|id| !teams.contains(id)), "by {size}");
    }
    let top = world.get_as(&own, "contacts?$top=3&$select=contactid").await.ok();
    let top: Vec<Uuid> = top.rows().iter().map(|row| row["contactid"].as_str().unwrap().parse().unwrap()).collect();
    assert_eq!(top, both[..3]);
}

#[tokio::test]
async fn rows_that_come_and_go_disturb_no_others() {
    let world = World::with(|config| config.sample_rows = 0).await;
    let mut there = Vec::new();
    for index in 0..20 {
        there.push(contact(&world, Some(["m", "k", "x"][index % 3])).await);
    }
    let gone = there[19];
    let path = "contacts?$select=address1_city&$orderby=address1_city desc&$filter=lastname eq 'PAGED'";
    let seen = pages(&world, path, 3, async |page| {
        // Before, at, and after every place where a page can end; and one row less. Each page is
        // shorter than what comes, so after a few nothing comes any more.
        for city in ["a", "k", "m", "x", "z"] {
            if page < 6 {
                contact(&world, Some(city)).await;
            }
        }
        if page == 1 {
            world.delete(&format!("contacts({gone})")).await.ok();
        }
    })
    .await
    .concat();
    let mut ids: Vec<Uuid> = seen.iter().map(|(_, id)| *id).collect();
    assert!(seen.is_sorted_by(|left, right| left.0 >= right.0));
    let count = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), count, "a row came twice");
    for id in there.iter().filter(|id| **id != gone) {
        assert!(ids.binary_search(id).is_ok(), "a row was skipped");
    }
}

#[tokio::test]
async fn a_cookie_belongs_to_its_query() {
    let world = World::new().await;
    let prefer = [("Prefer", "odata.maxpagesize=2")];
    let path = "contacts?$select=fullname&$orderby=fullname";
    let first = world.send(&world.admin, Method::GET, path, &prefer, None).await.ok();
    let next = first.json["@odata.nextLink"].as_str().unwrap().to_owned();
    assert!(next.contains("$select=fullname&$orderby=fullname&$skiptoken="), "{next}");
    let token = next.split("$skiptoken=").nth(1).unwrap();
    let other = format!("contacts?$select=fullname&$orderby=fullname desc&$skiptoken={token}");
    world.send(&world.admin, Method::GET, &other, &prefer, None).await.refused(400, "0x80060888");
    let other = format!("contacts?$filter=fullname ne null&$orderby=fullname&$skiptoken={token}");
    world.send(&world.admin, Method::GET, &other, &prefer, None).await.refused(400, "0x80060888");
    // What is shown may change.
    let wider = format!("contacts?$select=fullname,jobtitle&$orderby=fullname&$skiptoken={token}");
    assert_eq!(world.send(&world.admin, Method::GET, &wider, &prefer, None).await.ok().rows().len(), 2);
}

#[tokio::test]
async fn a_page_size_takes_the_place_of_top() {
    let world = World::new().await;
    assert_eq!(world.get("contacts?$top=4").await.ok().rows().len(), 4);
    let reply =
        world.send(&world.admin, Method::GET, "contacts?$top=4", &[("Prefer", "odata.maxpagesize=6")], None).await;
    let reply = reply.ok();
    assert_eq!(reply.rows().len(), 6);
    assert!(reply.json.get("@odata.nextLink").is_some());
}

/// Long texts do not fit into an address: the org's own next links must still be good.
#[tokio::test]
async fn long_texts_in_the_order_are_paged_too() {
    let world = World::with(|config| config.sample_rows = 0).await;
    let long = "\u{65e5}".repeat(1_900);
    for index in 0..7 {
        // Alike for longer than a cookie keeps.
        let description = format!("{long}{}", index % 3);
        let body = json!({ "lastname": "Paged", "description": description, "address1_line1": "ä".repeat(200) });
        world.post("contacts", body).await.ok();
    }
    for order in ["description,address1_line1 desc", "description desc,address1_line1"] {
        let path =
            format!("contacts?$select=contactid&$orderby={order}&$filter=contains(lastname,'{}')", "%".repeat(900));
        let whole = pages(&world, &path, 5_000, async |_| {}).await;
        assert_eq!(whole[0].len(), 7);
        let paged = pages(&world, &path, 2, async |_| {}).await;
        assert_eq!((paged.len(), paged.concat()), (4, whole[0].clone()), "{order}");
    }
    // The row that ended the page goes away: nothing is left out.
    for order in ["description", "description desc"] {
        let path = format!("contacts?$select=contactid&$orderby={order}");
        let whole = pages(&world, &path, 5_000, async |_| {}).await.concat();
        let gone = whole[1].1;
        let seen = pages(&world, &path, 2, async |page| {
            if page == 1 {
                world.delete(&format!("contacts({gone})")).await.ok();
            }
        });
        let seen = seen.await.concat();
        assert!(whole.iter().all(|row| seen.contains(row)), "{order}");
    }
}

/// An address as long as the org takes, and what the org adds to it.
#[tokio::test]
async fn a_next_link_is_never_too_long() {
    let world = World::new().await;
    let filter = format!("not contains(lastname,'{}')", "x".repeat(32_000));
    let path = format!("contacts?$select=contactid&$orderby=fullname,jobtitle,emailaddress1&$filter={filter}");
    let paged = pages(&world, &path, 4, async |_| {}).await;
    assert_eq!(paged.concat().len(), 10);
}
