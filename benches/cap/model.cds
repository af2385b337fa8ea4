// The columns that the compared requests read and write.
entity Accounts {
  key accountid : UUID;
      name      : String(160);
}

entity Contacts {
  key contactid     : UUID;
      firstname     : String(50);
      lastname      : String(50);
      fullname      : String(160);
      emailaddress1 : String(100);
      telephone1    : String(50);
      statecode     : Integer default 0;
      createdon     : Timestamp @cds.on.insert: $now;
      modifiedon    : Timestamp @cds.on.insert: $now @cds.on.update: $now;
      company       : Association to Accounts;
}

@path: '/crm'
service Crm {
  @cds.query.limit: { default: 5000, max: 5000 }
  entity accounts as projection on Accounts;
  @cds.query.limit: { default: 5000, max: 5000 }
  entity contacts as projection on Contacts;
}
