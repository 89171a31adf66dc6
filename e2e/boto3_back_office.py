"""Stories of a back office that keeps a pool of its own, one a run.

boto3.test.mjs runs them as it does those of boto3_client.py. None is sent a code.
"""

import base64
import datetime
import hashlib
import hmac
import struct
import sys
import time
import uuid

from botocore.exceptions import ParamValidationError

from boto3_client import PASSWORD, ClientError, admin, public, refused


class App:
    """An authenticator app. Each code is of a later step than the last one, which
    serves twice without any waiting."""

    def __init__(self, secret):
        self.key = base64.b32decode(secret + "=" * (-len(secret) % 8))
        self.step = 0

    def next(self):
        self.step = max(self.step + 1, int(time.time()) // 30)
        mac = hmac.new(self.key, struct.pack(">Q", self.step), hashlib.sha1).digest()
        (value,) = struct.unpack_from(">I", mac, mac[-1] & 15)
        return f"{(value & 0x7FFFFFFF) % 1_000_000:06}"


def wrong(code):
    return f"{(int(code) + 1) % 1_000_000:06}"


def says(exception, message, call, **request):
    """Asserts that a call raises that class of the client's, with those words."""
    try:
        call(**request)
    except exception as error:
        told = error.response
        assert told["Error"]["Message"] == message, told
        assert told["Error"]["Code"] == type(error).__name__ == exception.__name__, told
        assert told["ResponseMetadata"]["HTTPStatusCode"] == 400, told
        uuid.UUID(told["ResponseMetadata"]["RequestId"])
        assert str(error) == f"An error occurred ({exception.__name__}) when calling the {error.operation_name} operation: {message}"
        return
    raise AssertionError(f"{call.__name__} is not refused")


def new_pool(**members):
    return admin.create_user_pool(PoolName="back office", **members)["UserPool"]


def new_user(pool, username, **attributes):
    """Makes a user whom nothing is sent to."""
    listed = [{"Name": key.replace("__", ":"), "Value": value} for key, value in attributes.items()]
    made = admin.admin_create_user(UserPoolId=pool, Username=username, UserAttributes=listed, MessageAction="SUPPRESS")
    return made["User"]


def new_member(pool, name):
    new_user(pool, name)
    admin.admin_set_user_password(UserPoolId=pool, Username=name, Password=PASSWORD, Permanent=True)


def directory():
    team = {"Name": "team", "AttributeDataType": "String", "Mutable": True, "StringAttributeConstraints": {"MaxLength": "9"}}
    pool = new_pool(Schema=[team], AliasAttributes=["email"])["Id"]
    seats = {"Name": "seats", "AttributeDataType": "Number", "NumberAttributeConstraints": {"MinValue": "1", "MaxValue": "8"}}
    admin.add_custom_attributes(UserPoolId=pool, CustomAttributes=[seats])
    shape = {one["Name"]: one for one in admin.describe_user_pool(UserPoolId=pool)["UserPool"]["SchemaAttributes"]}
    assert shape["custom:team"]["StringAttributeConstraints"] == {"MaxLength": "9"}, shape
    assert shape["custom:seats"]["NumberAttributeConstraints"] == {"MinValue": "1", "MaxValue": "8"}, shape

    for n in range(7):
        mail = {"email": f"rider{n}@example.com", "email_verified": "true"}
        made = new_user(pool, f"rider-{n}", name="Asha" if n < 3 else "Ravi", custom__team="north", custom__seats="4", **mail)
        assert made["UserStatus"] == "FORCE_CHANGE_PASSWORD" and made["Enabled"] is True, made
        age = datetime.datetime.now(datetime.timezone.utc) - made["UserCreateDate"]
        assert abs(age) < datetime.timedelta(minutes=5), made
    long = {"Name": "custom:team", "Value": "north-east"}
    refused(
        "InvalidParameterException", admin.admin_update_user_attributes, UserPoolId=pool, Username="rider-0", UserAttributes=[long]
    )

    def listed(**request):
        pages = admin.get_paginator("list_users").paginate(UserPoolId=pool, **request)
        return sorted(user["Username"] for page in pages for user in page["Users"])

    everybody = [f"rider-{n}" for n in range(7)]
    assert listed(PaginationConfig={"PageSize": 3}) == everybody
    assert listed(Filter='username ^= "rider-"', PaginationConfig={"PageSize": 2}) == everybody
    assert listed(Filter='name = "Asha"', PaginationConfig={"PageSize": 1}) == everybody[:3]
    assert listed(Filter='email = "rider5@example.com"') == ["rider-5"]
    assert listed(Filter='cognito:user_status = "CONFIRMED"') == []
    admin.admin_disable_user(UserPoolId=pool, Username="rider6@example.com")  # by the alias
    assert listed(Filter='status = "Disabled"') == ["rider-6"]
    admin.admin_enable_user(UserPoolId=pool, Username="rider-6")
    assert listed(Filter='status = "Enabled"') == everybody

    # Where one stopped, another goes on.
    pages = admin.get_paginator("list_users").paginate(UserPoolId=pool, PaginationConfig={"MaxItems": 4, "PageSize": 4})
    first = pages.build_full_result()
    rest = listed(PaginationConfig={"StartingToken": first["NextToken"]})
    assert sorted([user["Username"] for user in first["Users"]] + rest) == everybody, (first, rest)
    names = admin.list_users(UserPoolId=pool, AttributesToGet=["custom:seats", "name"], Filter='username = "rider-1"')["Users"]
    assert {one["Name"]: one["Value"] for one in names[0]["Attributes"]} == {"name": "Asha", "custom:seats": "4"}, names

    groups = {"north": 2, "south": 1, "none": None}
    for name, precedence in groups.items():
        rank = {} if precedence is None else {"Precedence": precedence}
        made = admin.create_group(UserPoolId=pool, GroupName=name, RoleArn=f"arn:aws:iam::123456789012:role/{name}", **rank)
        assert made["Group"].get("Precedence") == precedence, made
    for n in range(5):
        admin.admin_add_user_to_group(UserPoolId=pool, Username=f"rider-{n}", GroupName="north")

    def members():
        about = {"UserPoolId": pool, "GroupName": "north", "PaginationConfig": {"PageSize": 2}}
        return sorted(admin.get_paginator("list_users_in_group").paginate(**about).search("Users[].Username"))

    assert members() == everybody[:5]
    admin.admin_delete_user(UserPoolId=pool, Username="rider-0")
    assert members() == everybody[1:5]
    admin.delete_user_pool(UserPoolId=pool)


def second_factor():
    pool = new_pool()["Id"]
    flows = ["ALLOW_ADMIN_USER_PASSWORD_AUTH", "ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"]
    made = admin.create_user_pool_client(UserPoolId=pool, ClientName="back office", ExplicitAuthFlows=flows)
    client = {"ClientId": made["UserPoolClient"]["ClientId"]}
    app = {"UserPoolId": pool, **client}
    asha = {"UserPoolId": pool, "Username": "asha"}
    new_member(pool, "asha")

    def sign_in():
        parameters = {"USERNAME": "asha", "PASSWORD": PASSWORD}
        return admin.admin_initiate_auth(**app, AuthFlow="ADMIN_USER_PASSWORD_AUTH", AuthParameters=parameters)

    def answer(asked, code):
        responses = {"USERNAME": "asha", "SOFTWARE_TOKEN_MFA_CODE": code}
        return admin.admin_respond_to_auth_challenge(
            **app, ChallengeName="SOFTWARE_TOKEN_MFA", Session=asked["Session"], ChallengeResponses=responses
        )

    raised = admin.exceptions
    token = {"AccessToken": sign_in()["AuthenticationResult"]["AccessToken"]}
    off = "Software Token MFA has not been enabled by the userPool"
    says(raised.SoftwareTokenMFANotFoundException, off, public.associate_software_token, **token)
    config = {"SoftwareTokenMfaConfiguration": {"Enabled": True}, "MfaConfiguration": "OPTIONAL"}
    for read in (admin.set_user_pool_mfa_config(UserPoolId=pool, **config), admin.get_user_pool_mfa_config(UserPoolId=pool)):
        assert {key: read.get(key) for key in config} == config and "SmsMfaConfiguration" not in read, read

    preference = {"SoftwareTokenMfaSettings": {"Enabled": True, "PreferredMfa": True}}
    says(
        raised.InvalidParameterException, "User has not verified software token mfa", admin.admin_set_user_mfa_preference,
        **asha, **preference
    )
    device = App(public.associate_software_token(**token)["SecretCode"])
    first = device.next()
    says(raised.EnableSoftwareTokenMFAException, "Code mismatch", public.verify_software_token, **token, UserCode=wrong(first))
    assert public.verify_software_token(**token, UserCode=first, FriendlyDeviceName="desk")["Status"] == "SUCCESS"
    admin.admin_set_user_mfa_preference(**asha, **preference)
    read = admin.admin_get_user(**asha)
    assert (read["UserMFASettingList"], read["PreferredMfaSetting"]) == (["SOFTWARE_TOKEN_MFA"], "SOFTWARE_TOKEN_MFA"), read

    asked = sign_in()
    assert (asked["ChallengeName"], asked["ChallengeParameters"]["FRIENDLY_DEVICE_NAME"]) == ("SOFTWARE_TOKEN_MFA", "desk"), asked
    used = "Your software token has already been used once."
    says(raised.ExpiredCodeException, used, answer, asked=asked, code=first)
    second = device.next()
    says(raised.CodeMismatchException, "Invalid code received for user", answer, asked=asked, code=wrong(second))
    assert "AccessToken" in answer(asked, second)["AuthenticationResult"]
    says(
        raised.NotAuthorizedException, "Invalid session for the user, session can only be used once.", answer, asked=asked, code=second
    )
    admin.admin_set_user_mfa_preference(**asha, SoftwareTokenMfaSettings={"Enabled": False})
    assert "AccessToken" in sign_in()["AuthenticationResult"]
    admin.admin_disable_user(**asha)
    says(raised.NotAuthorizedException, "User is disabled.", sign_in)
    admin.admin_enable_user(**asha)

    # Where it is required, whoever has none sets one up on the way in.
    admin.set_user_pool_mfa_config(UserPoolId=pool, **{**config, "MfaConfiguration": "ON"})
    new_member(pool, "ravi")

    def begin():
        parameters = {"USERNAME": "ravi", "PASSWORD": PASSWORD}
        return public.initiate_auth(**client, AuthFlow="USER_PASSWORD_AUTH", AuthParameters=parameters)

    def go_on(asked, session, **responses):
        responses["USERNAME"] = "ravi"
        return public.respond_to_auth_challenge(
            **client, ChallengeName=asked["ChallengeName"], Session=session, ChallengeResponses=responses
        )

    asked = begin()
    assert asked["ChallengeName"] == "MFA_SETUP", asked
    assert asked["ChallengeParameters"]["MFAS_CAN_SETUP"] == '["SOFTWARE_TOKEN_MFA"]', asked
    associated = public.associate_software_token(Session=asked["Session"])
    device = App(associated["SecretCode"])
    verified = public.verify_software_token(Session=associated["Session"], UserCode=device.next())
    assert "AccessToken" in go_on(asked, verified["Session"])["AuthenticationResult"]
    asked = begin()
    assert asked["ChallengeName"] == "SOFTWARE_TOKEN_MFA", asked
    assert "RefreshToken" in go_on(asked, asked["Session"], SOFTWARE_TOKEN_MFA_CODE=device.next())["AuthenticationResult"]
    auth_events(asha)
    admin.delete_user_pool(UserPoolId=pool)


def auth_events(asha):
    """What the second factor's story left of asha. The trail may be a second behind."""

    def listed():
        pages = admin.get_paginator("admin_list_user_auth_events").paginate(**asha, PaginationConfig={"PageSize": 2})
        return list(pages.search("AuthEvents[]"))[::-1]

    want = [
        "Pass Password:Success", "InProgress Password:Success", "Fail Mfa:Failure", "Fail Mfa:Failure", "Pass Mfa:Success",
        "Fail", "Pass Password:Success", "Fail",
    ]
    late = time.monotonic() + 15
    events = []
    while len(events) < len(want) and time.monotonic() < late:
        events = listed()
    assert [event["CreationDate"] for event in events] == sorted(event["CreationDate"] for event in events), events
    plots = []
    for event in events:
        answers = [f"{one['ChallengeName']}:{one['ChallengeResponse']}" for one in event["ChallengeResponses"]]
        plots.append(" ".join([event["EventResponse"], *answers]))
    assert plots == want, plots
    assert {event["EventType"] for event in events} == {"SignIn"}, events

    admin.admin_update_auth_event_feedback(**asha, EventId=events[2]["EventId"], FeedbackValue="Invalid")
    read = {event["EventId"]: event.get("EventFeedback", {}).get("FeedbackValue") for event in listed()}
    assert read == {event["EventId"]: "Invalid" if event is events[2] else None for event in events}, read


def lifecycle():
    made = new_pool(DeletionProtection="ACTIVE", UserPoolTags={"team": "north"}, Policies={"PasswordPolicy": {"MinimumLength": 12}})
    pool, arn = {"UserPoolId": made["Id"]}, made["Arn"]
    assert made["Policies"]["PasswordPolicy"]["MinimumLength"] == 12 and made["UserPoolTags"] == {"team": "north"}, made
    raised = admin.exceptions
    refused("InvalidParameterException", admin.delete_user_pool, **pool)
    admin.tag_resource(ResourceArn=arn, Tags={"stage": "test", "owner": "asha"})
    admin.untag_resource(ResourceArn=arn, TagKeys=["owner", "nothing"])
    assert admin.list_tags_for_resource(ResourceArn=arn)["Tags"] == {"team": "north", "stage": "test"}

    read = admin.describe_user_pool(**pool)["UserPool"]
    assert (read["DeletionProtection"], read["EstimatedNumberOfUsers"], read["MfaConfiguration"]) == ("ACTIVE", 0, "OFF"), read
    assert read["UserPoolTags"] == {"team": "north", "stage": "test"}, read
    assert read["LastModifiedDate"] >= read["CreationDate"], read
    admin.update_user_pool(**pool, AdminCreateUserConfig={"AllowAdminCreateUserOnly": True})
    after = admin.describe_user_pool(**pool)["UserPool"]
    assert after["Policies"]["PasswordPolicy"]["MinimumLength"] == 8, "what an update omits goes back to its default"
    assert after["AdminCreateUserConfig"]["AllowAdminCreateUserOnly"] is True, after
    assert after["DeletionProtection"] == "INACTIVE" and after["UserPoolTags"] == read["UserPoolTags"], after

    client = admin.create_user_pool_client(**pool, ClientName="web", ExplicitAuthFlows=["ALLOW_USER_PASSWORD_AUTH"])["UserPoolClient"]
    says(
        raised.NotAuthorizedException, "SignUp is not permitted for this user pool", public.sign_up,
        ClientId=client["ClientId"], Username="asha", Password=PASSWORD
    )
    new_user(pool["UserPoolId"], "asha")
    says(raised.UsernameExistsException, "User account already exists", new_user, pool=made["Id"], username="asha")
    says(raised.UserNotFoundException, "User does not exist.", admin.admin_get_user, **pool, Username="nobody")
    says(raised.ResourceNotFoundException, "Group not found.", admin.get_group, **pool, GroupName="none")
    admin.create_group(**pool, GroupName="one")
    says(raised.GroupExistsException, "A group with the name already exists", admin.create_group, **pool, GroupName="one")
    short = {"Username": "asha", "Password": "short", "Permanent": True}
    try:
        admin.admin_set_user_password(**pool, **short)
        raise AssertionError("a short password is taken")
    except raised.InvalidPasswordException as error:
        assert isinstance(error, ClientError) and "not long enough" in error.response["Error"]["Message"], error
    says(
        raised.InvalidParameterException,
        "1 validation error detected: Value 'Maybe' at 'feedbackValue' failed to satisfy constraint: "
        "Member must satisfy enum value set: [Valid, Invalid]",
        admin.admin_update_auth_event_feedback, **pool, Username="asha", EventId=made["Id"], FeedbackValue="Maybe"
    )
    try:
        admin.admin_get_user(**pool)  # the SDK's own refusal, which no request follows
        raise AssertionError("a call without its Username is sent")
    except ParamValidationError:
        pass

    admin.update_user_pool(**pool, DeletionProtection="ACTIVE")
    refused("InvalidParameterException", admin.delete_user_pool, **pool)
    admin.update_user_pool(**pool, DeletionProtection="INACTIVE")
    admin.delete_user_pool(**pool)
    gone = f"User pool {made['Id']} does not exist."
    says(raised.ResourceNotFoundException, gone, admin.describe_user_pool, **pool)
    says(raised.ResourceNotFoundException, gone, admin.list_users, **pool)
    refused("ResourceNotFoundException", admin.list_tags_for_resource, ResourceArn=arn)


STORIES = [directory, second_factor, lifecycle]

if __name__ == "__main__":
    {story.__name__: story for story in STORIES}[sys.argv[1]]()
