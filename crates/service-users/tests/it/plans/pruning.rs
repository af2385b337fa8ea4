//! What is declared no more, and whose it is.

use super::*;

#[tokio::test]
async fn a_declaration_leaves_alone_what_another_made() {
    let world = World::new();
    let mut declaration = declaration(&world);
    world.apply(&declaration, Leave::default()).await;
    declaration.name = Some("fabrikam".to_owned());
    let plan = world.plan(&declaration, Leave::default()).await;
    assert_eq!(codes(&plan), ["otherDeclaration"; 3], "the registration, and the role of each org");
    declaration.application_users.clear();
    let prune = Leave { prune: true, ..Leave::default() };
    assert!(!world.plan(&declaration, prune).await.has_changes());
}

#[tokio::test]
async fn pruning_removes_what_is_no_longer_declared_and_nothing_else() {
    let world = World::new();
    let before = world.state().shape();
    let mut declared = declaration(&world);
    let writer = Role {
        name: "Contact Writer".to_owned(),
        source: RoleSource::Rights(vec![right("contact", Verb::Write)]),
        adopt: false,
    };
    declared.roles.insert("writer".to_owned(), writer);
    let (_, applied, _) = world.apply(&declared, Leave::default()).await;
    assert!(applied.failures.is_empty());
    let one = world.state().shape();
    let mut both = declared.clone();
    both.application_users.insert("loader".to_owned(), user(&world, "loader", &["first"], &["reader", "writer"]));
    world.apply(&both, Leave::default()).await;
    assert_ne!(world.state().shape(), one);

    let prune = Leave { prune: true, ..Leave::default() };
    declared.roles.remove("writer");
    assert!(!world.plan(&declared, Leave::default()).await.has_changes(), "only when it is asked for");
    let (plan, applied, _) = world.apply(&declared, prune).await;
    assert!(applied.failures.is_empty(), "{:?}", applied.failures);
    let removed: Vec<_> = plan
        .changes
        .iter()
        .filter(|change| change.mark == Mark::Remove)
        .map(|change| change.subject.split(" in `").next().unwrap_or_default())
        .collect();
    assert_eq!(
        removed,
        [
            "application user of `loader`",
            "key of `loader`",
            "service principal of `loader`",
            "app registration `loader`",
            "security role `Contact Writer`",
        ]
    );
    assert_eq!(world.state().shape(), one);
    nothing_is_left(&world, &declared, prune).await;

    declared.application_users.clear();
    declared.roles.clear();
    let (_, applied, _) = world.apply(&declared, prune).await;
    assert!(applied.failures.is_empty(), "{:?}", applied.failures);
    let mut after = world.state().shape();
    after["orgs"].as_array_mut().unwrap().truncate(1);
    assert_eq!(after, before, "not a trace is left");
}

#[tokio::test]
async fn a_role_that_others_hold_is_listed_and_left() {
    let world = World::new();
    let mut declaration = declaration(&world);
    world.apply(&declaration, Leave::default()).await;
    {
        let mut state = world.state();
        let role = state.org.role_privileges.keys().next().unwrap().clone();
        state.org.assigned.push((ADMIN.to_owned(), role));
    }
    declaration.application_users.clear();
    declaration.roles.clear();
    let prune = Leave { prune: true, ..Leave::default() };
    let (plan, applied, _) = world.apply(&declaration, prune).await;
    assert!(applied.failures.is_empty(), "{:?}", applied.failures);
    assert!(plan.findings.iter().any(|finding| finding.code == "left" && finding.message.contains("Contact Reader")));
    assert_eq!(world.state().org.role_privileges.len(), 1);
    nothing_is_left(&world, &declaration, prune).await;
}

#[tokio::test]
async fn pruning_without_a_name_is_refused() {
    let world = World::new();
    let mut declaration = declaration(&world);
    declaration.name = None;
    let plan = world.plan(&declaration, Leave { prune: true, ..Leave::default() }).await;
    assert_eq!(codes(&plan), ["pruneWithoutName"]);
}
